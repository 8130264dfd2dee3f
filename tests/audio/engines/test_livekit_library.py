"""WebRTC's audio processing, called past the package that contains it."""

from __future__ import annotations

import gc
import subprocess
import sys

import numpy as np
import pytest
from livekit.rtc import AudioFrame, AudioProcessingModule
from livekit.rtc._proto import ffi_pb2

from rtaudio_daemon.audio.engines.livekit_library import (
    PIECE_BYTES,
    AudioProcessing,
    decoded,
    encoded,
)


def test_sound_becomes_what_the_package_makes_of_it() -> None:
    chance = np.random.default_rng(1)
    played = chance.normal(0, 4000, 24_000).astype("<i2")
    heard = (np.roll(played, 1920) * 0.3 + chance.normal(0, 300, 24_000)).astype("<i2").tobytes()
    ours = AudioProcessing(echo_cancellation=True, auto_gain=True, noise_suppression=True)
    theirs = AudioProcessingModule(
        echo_cancellation=True, auto_gain_control=True, noise_suppression=True
    )
    for at in range(0, len(heard), PIECE_BYTES):
        far, near = played.tobytes()[at : at + PIECE_BYTES], heard[at : at + PIECE_BYTES]
        ours.process_reverse(far)
        theirs.process_reverse_stream(AudioFrame(bytearray(far), 24_000, 1, PIECE_BYTES // 2))
        frame = AudioFrame(bytearray(near), 24_000, 1, PIECE_BYTES // 2)
        theirs.process_stream(frame)
        assert ours.process(near) == bytes(frame.data)


def test_the_messages_are_those_of_the_package() -> None:
    request = ffi_pb2.FfiRequest()
    request.apm_process_stream.apm_handle = 300
    request.apm_process_stream.data_ptr = 2**63 + 5
    request.apm_process_stream.size = PIECE_BYTES
    request.apm_process_stream.sample_rate = 24_000
    request.apm_process_stream.num_channels = 1
    inside = {1: 300, 2: 2**63 + 5, 3: PIECE_BYTES, 4: 24_000, 5: 1}
    assert encoded({51: encoded(inside)}) == request.SerializeToString()
    inner = decoded(request.SerializeToString())[51]
    assert isinstance(inner, bytes)
    assert decoded(inner) == inside


def test_a_library_that_answers_otherwise_is_refused() -> None:
    library = AudioProcessing(auto_gain=True)._library
    assert library.ask(9_999, b"") is None
    with pytest.raises(ImportError, match="this version of livekit answers otherwise than"):
        library.new_processing({1: b"no switch"})


@pytest.mark.parametrize("size", [0, PIECE_BYTES - 2, PIECE_BYTES * 2])
def test_a_piece_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"expected 480 bytes, got {size}"):
        AudioProcessing(auto_gain=True).process(bytes(size))


def test_what_is_not_used_any_more_is_freed() -> None:
    processing = AudioProcessing(auto_gain=True)
    library, where = processing._library, processing._where
    assert library.ask(51, where) == b""
    del processing
    gc.collect()
    assert library.ask(51, where) is None, "its handle is unknown now"


def test_the_package_itself_is_not_loaded() -> None:
    load = (
        "import sys; from rtaudio_daemon.audio.engines.cancellers import open_echo; "
        "print(open_echo('cancel').mode, 'livekit.rtc' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", load], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["cancel", "False"]
