"""The doctor listens to a speaker, and reports how well the microphone hears the voice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ... import config
from ...audio.devices.open import open_microphone
from ...audio.engines.enhancers import open_enhancement
from ...audio.engines.vad_engines import open_engine
from ...audio.processing.voice_measurement import (
    LISTENING_MS,
    VoiceMeasurement,
    frames_of,
    measure,
    voice_proposals,
)
from ...errors import DeviceError
from ...optional_packages import installed
from ...program_name import PROGRAM
from .calibration import proposed_findings, written_findings
from .finding import Finding, failed, passed, warned
from .remedies import Reasons
from .sound_devices import listen, running

INVITATION = (
    f"Please speak for {LISTENING_MS // 1000} seconds, from where you usually do, with pauses …"
)
_UNHEARD = f"speak louder or nearer, then try again; `{PROGRAM} doctor` tests the microphone itself"


async def check_voice(path: str, *, write: bool = False) -> list[Finding]:
    """Measure a voice at the microphone in the configuration at `path`.

    With `write`, proposed settings are written to that file. Raises ConfigError.
    """
    settings = config.load(path).audio
    reasons = Reasons()
    try:
        microphone = open_microphone(settings.input, reasons)
    except DeviceError as error:
        return [failed("microphone", str(error), "correct audio.input.device")]
    async with running(microphone):
        heard = await listen(microphone, LISTENING_MS)
    if not heard:
        remedy = reasons.remedy("microphone", "audio.input.device")
        return [failed("microphone", f"{microphone.device} gives no sound", remedy)]
    before = judged(heard, config.Input())
    if before is None:
        return [warned("voice", "hardly anybody was heard", _UNHEARD)]
    can_suppress = installed("livekit.rtc")
    proposed = voice_proposals(before, settings.input, can_suppress=can_suppress)
    values: dict[str, Any] = {each.steps[-1]: each.value for each in proposed}
    wanted = replace(settings.input, **values)
    found = [passed("voice", _in_words("as the microphone delivers it", before))]
    after = judged(heard, wanted)
    if after is not None and after != before:
        what = "with what is proposed" if proposed else "with the options of config.yaml"
        found.append(passed("voice", _in_words(what, after)))
    if not proposed:
        return [*found, passed("proposal", "the options of config.yaml are right for this voice")]
    if write:
        return found + written_findings(path, proposed)
    return found + proposed_findings(proposed, "--voice --write")


def judged(pcm: bytes, settings: config.Input) -> VoiceMeasurement | None:
    """Return the levels of a voice in this sound after the processing of `settings`."""
    enhancement, engine = open_enhancement(settings), open_engine("silero").engine
    frames = [enhancement.enhanced(enhancement.amplified(each)) for each in frames_of(pcm)]
    return measure(frames, [engine.probability(each) for each in frames])


def _in_words(how: str, measured: VoiceMeasurement) -> str:
    return (
        f"{how}, your voice is at {measured.voice_dbfs:.0f} dBFS, the room at "
        f"{measured.noise_dbfs:.0f}"
    )
