"""Sound that cannot be had: what people are told, and that the daemon goes on without it.

The audio processes load a PyAudio of our own, found before the real one.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.audio.devices.open import described, list_devices, open_microphone
from rtaudio_daemon.audio.worker.alsa_cards import no_device
from rtaudio_daemon.cli.doctor import sound_devices
from rtaudio_daemon.cli.doctor.calibration import calibrate
from rtaudio_daemon.cli.doctor.remedies import Reasons
from rtaudio_daemon.errors import DeviceError
from rtaudio_daemon.notifications import DeviceCode
from rtaudio_daemon.optional_packages import how_to_install
from rtaudio_daemon.simulator.model.reply import Reply, Turn
from tests.audio.worker.fake_kernel import build
from tests.cli.test_main import finished
from tests.harness import Harness, find, samples, speech

pytestmark = pytest.mark.real_time
ANSWER = speech("stop")
CARDS = """
    import threading

    class PyAudio:
        cards = ["Desk (hw:1,0)", "Shelf (hw:2,0)"]
        def get_device_count(self):
            return len(self.cards)
        def get_device_info_by_index(self, index):
            return {"index": index, "name": self.cards[index], "maxInputChannels": 1,
                    "maxOutputChannels": 2, "defaultSampleRate": 48000.0}
        def get_default_input_device_info(self):
            if not self.cards:
                raise OSError(-9996, "No default device")
            return self.get_device_info_by_index(0)
        get_default_output_device_info = get_default_input_device_info
        def open(self, **shape):
            raise OSError(-9985, "Device unavailable")
        def is_format_supported(self, rate, input_device=None, output_device=None, **shape):
            device = input_device if output_device is None else output_device
            if device == 1:
                threading.Event().wait()
            if rate != 48000:
                raise ValueError("Invalid sample rate", -9997)
            return True
"""
MISSING = 'raise ImportError("libportaudio.so.2: cannot open shared object file")'
BUSY = CARDS.replace(', "Shelf (hw:2,0)"', "")
EMPTY = CARDS.replace('"Desk (hw:1,0)", "Shelf (hw:2,0)"', "")


@pytest.fixture
def pyaudio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the audio processes look for PyAudio first."""
    (tmp_path / "modules").mkdir()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "modules"))
    return tmp_path / "modules" / "pyaudio.py"


def answer(_turn: Turn) -> Reply:
    return Reply("Fine.", ANSWER)


def is_lost(harness: Harness, direction: str) -> bool:
    return any(one["state"] == "lost" for one in harness.reports_of(direction))


def default_microphone(settings: config.Config) -> config.Config:
    return replace(settings, audio=replace(settings.audio, input=config.Input()))


@pytest.mark.parametrize(
    ("module", "reason", "remedy"),
    [
        (MISSING, "PyAudio cannot be loaded", "`apt-get install libportaudio2`"),
        (CARDS, "'Desk (hw:1,0)' does not open", "`fuser -v /dev/snd/*` shows which"),
    ],
    ids=["PyAudio is missing", "the device is busy"],
)
async def test_a_microphone_that_cannot_be_had_is_told_once_and_the_rest_goes_on(
    tmp_path: Path,
    pyaudio: Path,
    caplog: pytest.LogCaptureFixture,
    module: str,
    reason: str,
    remedy: str,
) -> None:
    caplog.set_level(logging.INFO)
    pyaudio.write_text(dedent(module))
    async with Harness(tmp_path, reply=answer, change=default_microphone) as harness:

        def reported() -> list[dict[str, Any]]:
            return [e for e in harness.reports_of("microphone") if e["state"] == "lost"]

        await harness.until(reported)
        (lost,) = reported()
        assert lost["direction"] == "microphone"
        assert reason in lost["reason"]
        assert remedy in lost["reason"]
        assert "\n" not in lost["reason"]
        await harness.until(lambda: harness.app.assistant.connection.state.is_up)
        status, _ = await harness.post("/api/say", {"text": "How are you?"})
        assert status == 200
        await harness.turns(1)
        warnings = [
            record.getMessage()
            for record in caplog.records
            if record.levelno >= logging.WARNING and reason in record.getMessage()
        ]
        assert warnings
        assert all(remedy in line and "\n" not in line for line in warnings)
        assert (await harness.status())["microphone"]["reason"] == lost["reason"]
    assert find(samples(ANSWER), harness.heard())[1] > 0.99


async def test_a_reload_to_a_mistyped_microphone_is_told_in_its_answer(
    tmp_path: Path, pyaudio: Path
) -> None:
    pyaudio.write_text(dedent(CARDS))

    def named(device: str) -> Callable[[config.Config], config.Config]:
        audio = config.Input(device=device)
        return lambda now: replace(now, audio=replace(now.audio, input=audio))

    async with Harness(tmp_path, reply=answer, change=default_microphone) as harness:
        await harness.until(lambda: is_lost(harness, "microphone"))
        harness.edit = named("Dask (hw:1,0)")
        status, report = await harness.post("/api/reload")
        assert (status, [each["state"] for each in report["changed"]]) == (200, ["applied"])
        assert report["warnings"] == [
            "audio.input.device: no microphone is called 'Dask (hw:1,0)'; did you mean "
            "'Desk (hw:1,0)', 'Shelf (hw:2,0)'? (it is looked for until it is there)"
        ]
        harness.edit = named("none")
        assert (await harness.post("/api/reload"))[1]["warnings"] == []


def default_loudspeaker(settings: config.Config) -> config.Config:
    return replace(settings, audio=replace(settings.audio, output=config.Output()))


def in_text(settings: config.Config) -> config.Config:
    settings = default_loudspeaker(settings)
    session = replace(settings.realtime.session, extra={"output_modalities": ["text"]})
    return replace(settings, realtime=replace(settings.realtime, session=session))


async def test_who_asks_a_house_without_its_loudspeaker_is_told_that_nothing_is_played(
    tmp_path: Path, pyaudio: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pyaudio.write_text(dedent(CARDS))
    said = [(1000, speech("hello"))]
    async with Harness(tmp_path, said, reply=answer, change=default_loudspeaker) as harness:
        await harness.until(lambda: is_lost(harness, "speaker"))
        await harness.until(lambda: harness.named("turn"))
        await harness.until(lambda: harness.statuses[-1] == "idle")
        (error,) = harness.named("error")
        assert (error["source"], error["code"]) == ("conversation", "not_played")
        assert "not played: the loudspeaker is lost ('Desk (hw:1,0)' does" in error["message"]
        (turn,) = harness.named("turn")
        assert "first_audio_ms" in turn
        assert not {"first_sound_ms", "last_sound_ms"} & turn.keys()
        assert "speaking" not in harness.statuses
        monkeypatch.setattr("rtaudio_daemon.daemon.device_tracker.RECOVERY_S", 0.0)
        status, refusal = await harness.post("/api/say", {"text": "How are you?"})
        assert (status, refusal["error"]["code"]) == (409, "not_now")
        assert "nothing was said: the loudspeaker is lost ('Desk" in refusal["error"]["message"]
        assert "doctor" in refusal["error"]["message"]
        monkeypatch.setattr("rtaudio_daemon.daemon.device_tracker.RECOVERY_S", 1e9)
        status, _ = await harness.post("/api/say", {"text": "How are you?"})
        assert status == 200, "it may be back when the answer comes"
        await harness.until(lambda: len(harness.named("error")) == 2)
        assert len(harness.received("response.create")) == 1


async def test_an_answer_in_writing_needs_no_loudspeaker(
    tmp_path: Path, pyaudio: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rtaudio_daemon.daemon.device_tracker.RECOVERY_S", 0.0)
    pyaudio.write_text(dedent(CARDS))
    async with Harness(tmp_path, reply=answer, change=in_text) as harness:
        await harness.until(lambda: is_lost(harness, "speaker"))
        await harness.until(lambda: harness.app.assistant.connection.state.is_up)
        status, _ = await harness.post("/api/say", {"text": "How are you?"})
        assert status == 200
        await harness.until(lambda: harness.named("transcript"))
        await harness.until(lambda: harness.statuses[-1] == "idle")
        assert not harness.named("error")
        status, _ = await harness.post("/api/say", {"text": "Dinner.", "mode": "verbatim"})
        assert status == 409, "announcements are spoken all the same"


async def test_when_the_reason_of_a_loss_becomes_another_that_is_told_too_but_not_again(
    tmp_path: Path, pyaudio: Path, caplog: pytest.LogCaptureFixture
) -> None:
    none, unknown = "PortAudio finds no sound device", "is called 'Jabra'"

    def jabra(settings: config.Config) -> config.Config:
        return replace(settings, audio=replace(settings.audio, input=config.Input("Jabra")))

    pyaudio.write_text(dedent(EMPTY))
    async with Harness(tmp_path, reply=answer, change=jabra) as harness:

        async def reason_is(words: str) -> None:
            async with asyncio.timeout(60):
                while words not in str((await harness.status())["microphone"]["reason"]):
                    await asyncio.sleep(0.05)

        await reason_is(none)
        pyaudio.write_text(dedent(CARDS))  # as when the sound server has started
        await reason_is(unknown)
        pyaudio.write_text(dedent(EMPTY))
        await reason_is(none)
        lost = harness.reports_of("microphone")
        warnings = [
            record.getMessage()
            for record in caplog.records
            if record.levelno == logging.WARNING and "microphone 'Jabra'" in record.getMessage()
        ]
        for told in ([each["reason"] for each in lost], warnings):
            assert len(told) == 2
            assert none in told[0]
            assert unknown in told[1]


async def test_a_machine_without_devices_has_none_and_the_rest_goes_on(
    tmp_path: Path, pyaudio: Path
) -> None:
    pyaudio.write_text(dedent(EMPTY))
    async with Harness(tmp_path, reply=answer, change=default_microphone) as harness:
        await harness.until(lambda: harness.reports_of("microphone"))
        assert (await harness.status())["microphone"]["state"] == "none"
        assert (await harness.status())["microphone"]["reason"] == "PortAudio finds no sound device"


@pytest.mark.parametrize("there", [BUSY, EMPTY], ids=["others are there", "it is the only one"])
async def test_a_card_that_another_program_holds_is_told_by_the_audio_process(
    tmp_path: Path, pyaudio: Path, there: str
) -> None:
    build(tmp_path)
    elsewhere = f"""
        from pathlib import Path
        from rtaudio_daemon.audio.worker import alsa_cards as cards
        for ask in (cards.find_or_explain, cards.closed_card):
            ask.__defaults__ = (Path({str(tmp_path)!r}),)
    """
    pyaudio.write_text(dedent(elsewhere) + dedent(there))
    reasons = Reasons()
    task = asyncio.create_task(open_microphone(config.Input("pnp"), reasons).run())
    async with asyncio.timeout(60):
        await reasons.changed.wait()
    task.cancel()
    await asyncio.wait([task])
    assert "card 1 (USB PnP Sound Device) is there, but does not open" in reasons.of("microphone")


async def test_the_doctor_says_why_a_microphone_gives_no_sound(pyaudio: Path) -> None:
    pyaudio.write_text(dedent(BUSY))
    found = {each.name: each async for each in sound_devices.check_sound(config.Audio())}
    assert found["microphone"].verdict == "fail"
    assert "'Desk (hw:1,0)' does not open" in found["microphone"].what
    assert "another program uses it" in found["microphone"].what
    assert "end that program" in found["microphone"].remedy


async def test_a_calibration_without_pyaudio_says_so_for_both_directions(
    tmp_path: Path, pyaudio: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pyaudio.write_text(MISSING)
    monkeypatch.setattr("rtaudio_daemon.cli.doctor.calibration._PATIENCE_S", 4.0)
    (tmp_path / "config.yaml").write_text("http: {port: 0}\n")
    found = await calibrate(str(tmp_path / "config.yaml"))
    assert [each.what.split(" is lost: ")[0] for each in found] == [
        "microphone 'default'",
        "loudspeaker 'default'",
    ]
    assert all("PyAudio cannot be loaded" in each.what for each in found)
    assert all("apt install libportaudio2" in each.remedy for each in found)


async def test_devices_cannot_be_listed_without_pyaudio_and_the_remedy_is_named(
    pyaudio: Path,
) -> None:
    pyaudio.write_text(MISSING)
    with pytest.raises(DeviceError, match=re.escape(how_to_install("pyaudio"))):
        await list_devices()


async def test_a_device_that_hangs_when_asked_does_not_hide_the_others(pyaudio: Path) -> None:
    pyaudio.write_text(dedent(CARDS))
    async with asyncio.timeout(30):
        found = [described(each) for each in await list_devices()]
    assert [(each["name"], each["direction"], each["rates"]) for each in found] == [
        ("Desk (hw:1,0)", "input", [48000]),
        ("Desk (hw:1,0)", "output", [48000]),
        ("Shelf (hw:2,0)", "input", None),
        ("Shelf (hw:2,0)", "output", None),
    ]
    assert [each["kind"] for each in found] == ["microphone", "speaker"] * 2
    assert [each["default"] for each in found] == [True, True, False, False]
    assert [each["channels"] for each in found] == [1, 2, 1, 2]
    assert {each["place"] for each in found} == {None}


async def test_without_any_device_the_list_is_empty_and_says_why(pyaudio: Path) -> None:
    pyaudio.write_text(dedent(EMPTY))
    why: list[DeviceError] = []
    assert await list_devices(on_none=why.append) == []
    assert [str(each) for each in why] == ["PortAudio finds no sound device"]
    assert [each.code for each in why] == [DeviceCode.NO_DEVICE]
    status, output = await finished("devices")
    assert status == 0
    assert "PortAudio finds no sound device" in output.splitlines()
    assert output.count("none found") == 2
    found = {each.name: each async for each in sound_devices.check_sound(config.Audio())}
    assert "PortAudio finds no sound device" in found["devices"].what
    assert "plug one in" in found["devices"].remedy
    others = (found["loudspeaker"], found["microphone"])
    assert [each.remedy for each in others] == ["see devices, above"] * 2


def test_devices_that_only_others_may_use_are_told_with_the_remedy() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "controlC0").touch(mode=0o000)
        (folder / "pcmC0D0p").touch()
        (folder / "pcmC0D0p").chmod(0o666)
        with without_privileges():
            assert str(no_device(folder)) == "PortAudio finds no sound device"
            assert no_device(folder).code is DeviceCode.NO_DEVICE
        (folder / "pcmC0D0c").touch(mode=0o000)
        with without_privileges():
            failure = no_device(folder)
        assert failure.code is DeviceCode.NO_PERMISSION
        reason = str(failure)
        assert "usermod -aG audio" in reason
        assert "log in again" in reason
        assert "systemctl restart user@" in reason, "a service keeps the groups that it began with"


@contextmanager
def without_privileges() -> Iterator[None]:
    """Root may do everything; what it may do as another user is asked by the real user id."""
    if os.getuid() != 0:
        yield
        return
    os.setreuid(65534, 0)
    try:
        yield
    finally:
        os.setreuid(0, 0)
