"""An audio process: PortAudio and nothing else, so that its faults cannot reach the daemon.

``python -m rtaudio_daemon.audio.worker input|output|list FD DEVICE FRAME_MS CHANNEL``

One process serves one direction. It exchanges `messages` over the socket with the file descriptor
FD, and ends when that socket closes. It may be killed at any time. These faults of PortAudio 19.6
shape this file:

* `stop_stream()` hangs on a stalled device, and an unknown input index causes a segmentation fault.
* Opening can hang for ever, so it is done in a thread while the main thread watches the socket.
"""

from __future__ import annotations

import os
import selectors
import socket
import sys
import threading
from typing import Any

from ...device_codes import DeviceCode
from ...errors import DeviceError
from .device_lookup import DeviceInfo, Direction, find_device
from .input_stream import InputStream
from .link import WorkerLink
from .messages import Kind, Unpacker, failure_body, json_body
from .output_stream import OutputStream
from .stream import INT16, RATES, WorkerStream
from .usb_paths import place_of, places


def main(arguments: list[str]) -> None:
    """Run until the socket closes or something fails; never returns."""
    role, fd, device, frame_ms, channel = arguments
    sys.setswitchinterval(0.001)
    os.environ["JACK_NO_START_SERVER"] = "1"
    daemon = socket.socket(fileno=int(fd))
    link = WorkerLink(daemon)
    stream: WorkerStream | None = None
    if role != "list":
        stream = OutputStream(link) if role == "output" else InputStream(link, channel)
    worker = threading.Thread(
        target=_open, args=(link, stream, device, int(frame_ms)), name="portaudio", daemon=True
    )
    worker.start()
    try:
        _serve(daemon, link, stream)
    except (OSError, ValueError):
        pass
    os._exit(0)  # PortAudio may hang in an orderly exit


def _open(link: WorkerLink, stream: WorkerStream | None, device: str, frame_ms: int) -> None:
    try:
        import pyaudio

        audio = pyaudio.PyAudio()
        devices = _devices(audio)
        there = [info for info in devices if stream is None or info.direction == stream.direction]
        if not there:
            link.send(Kind.MISSING, failure_body(_nothing_there(device, stream)))
            return
        if stream is None:
            _list(link, audio, devices)
            return
        info = _find(devices, device, stream.direction)
        facts = stream.open(audio, info, frame_ms)
        link.send_ready(json_body(facts))
        stream.follow(audio, info)
    except ImportError as error:
        from ...optional_packages import how_to_install

        what = (
            "PyAudio cannot be loaded: `apt-get install libportaudio2`, then "
            f"`{how_to_install('pyaudio')}` (needs gcc python3-dev portaudio19-dev) ({error})"
        )
        _give_up(link, DeviceError(what, code=DeviceCode.NO_LIBRARY))
    except DeviceError as error:
        _give_up(link, error)
    except Exception as error:  # any error: the daemon logs it and starts another process
        _give_up(link, DeviceError(f"{type(error).__name__}: {error}"))


def _give_up(link: WorkerLink, failure: DeviceError) -> None:
    try:
        link.send(Kind.FAILED, failure_body(failure))
    except OSError:
        pass


def _serve(daemon: socket.socket, link: WorkerLink, stream: WorkerStream | None) -> None:
    unpacker = Unpacker()
    with selectors.DefaultSelector() as selector:
        selector.register(daemon, selectors.EVENT_READ)
        selector.register(link, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if daemon in ready:
                data = daemon.recv(1 << 18)
                if not data:
                    return
                for kind, body in unpacker.feed(data):
                    if stream is not None:
                        stream.receive(kind, body)
            if link in ready:
                link.serve()
                if stream is not None and link.ready:
                    stream.report()


def _find(devices: list[DeviceInfo], wanted: str, direction: Direction) -> DeviceInfo:
    try:
        return find_device(devices, wanted, direction)
    except DeviceError:
        from .alsa_cards import find_or_explain  # uses memory, and is rarely needed

        return find_or_explain(devices, wanted, direction)


def _nothing_there(wanted: str, stream: WorkerStream | None) -> DeviceError:
    from .alsa_cards import closed_card, no_device

    return (closed_card(wanted, stream.direction) if stream else None) or no_device()


def _list(link: WorkerLink, audio: Any, devices: list[DeviceInfo]) -> None:
    """Send all devices, then again with the rates of each: querying one may hang."""
    link.send(Kind.DEVICES, json_body(devices))
    for at, info in enumerate(devices):
        rates = tuple(rate for rate in RATES if _takes(audio, info, rate))
        devices[at] = info._replace(rates=rates)
        link.send(Kind.DEVICES, json_body(devices))


def _takes(audio: Any, info: DeviceInfo, rate: int) -> bool:
    for channels in (1, 2):
        shape = {"device": info.number, "channels": channels, "format": INT16}
        try:
            audio.is_format_supported(
                rate, **{f"{info.direction}_{name}": value for name, value in shape.items()}
            )
        except ValueError:
            continue
        return True
    return False


def _devices(audio: Any) -> list[DeviceInfo]:
    sides: tuple[Direction, Direction] = ("input", "output")
    defaults: dict[Direction, int] = {}
    for side in sides:
        try:
            default = getattr(audio, f"get_default_{side}_device_info")()
            defaults[side] = int(default["index"])
        except OSError:
            pass
    found, by_card = [], places()
    for index in range(audio.get_device_count()):
        info = audio.get_device_info_by_index(index)
        for side in sides:
            channels = int(info["maxInputChannels" if side == "input" else "maxOutputChannels"])
            if channels > 0:
                name, default = str(info["name"]), defaults.get(side) == index
                place = place_of(name, by_card)
                found.append(DeviceInfo(name, side, default, channels, index, place))
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
