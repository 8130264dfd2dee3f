"""A machine with three sound cards, as its kernel shows it."""

from __future__ import annotations

from pathlib import Path

# In the form in which Linux writes them.
CARDS = """\
 0 [vc4hdmi0       ]: vc4-hdmi - vc4-hdmi-0
                      vc4-hdmi-0
 1 [Device         ]: USB-Audio - USB PnP Sound Device
                      USB PnP Sound Device at usb-0000:01:00.0-1.3, full speed
 2 [U0x46d0x825    ]: USB-Audio - USB Device 0x46d:0x825
                      USB Device 0x46d:0x825 at usb-0000:01:00.0-1.2, high speed
"""
PCM = """\
00-00: MAI PCM i2s-hifi-0 : MAI PCM i2s-hifi-0 : playback 1
01-00: USB Audio : USB Audio : playback 1 : capture 1
02-00: USB Audio : USB Audio : capture 1
"""


def build(root: Path) -> None:
    """What the kernel shows of a machine with three cards."""
    for folder in ("proc/asound", "dev/snd"):
        (root / folder).mkdir(parents=True)
    (root / "proc/asound/cards").write_text(CARDS)
    (root / "proc/asound/pcm").write_text(PCM)
