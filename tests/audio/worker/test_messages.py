"""The messages between the daemon and its audio processes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtaudio_daemon.audio.worker.messages import (
    Kind,
    Progress,
    Unpacker,
    json_body,
    number_body,
    number_of,
    pack,
    part_body,
    progress_of,
    split_part,
)


@given(
    st.lists(st.tuples(st.sampled_from(Kind), st.binary(max_size=50))),
    st.integers(min_value=1, max_value=60),
)
def test_messages_survive_any_cutting_of_the_stream(
    messages: list[tuple[Kind, bytes]], piece: int
) -> None:
    stream = b"".join(pack(kind, body) for kind, body in messages)
    unpacker = Unpacker()
    out = [
        message
        for start in range(0, len(stream), piece)
        for message in unpacker.feed(stream[start : start + piece])
    ]
    assert out == messages


def test_bodies_say_the_same_on_both_sides() -> None:
    assert split_part(part_body(7, b"pcm")) == (7, b"pcm")
    assert number_of(number_body(0.25)) == 0.25
    progress = Progress(9, ((8, 480), (9, 0)), underruns=1, dropped_frames=2)
    assert progress_of(json_body(progress)) == progress
    assert json_body([Progress(1)]).startswith(b"[{")


def test_what_is_no_message_is_refused() -> None:
    with pytest.raises(ValueError, match="99"):
        Unpacker().feed(b"\x63\0\0\0\0")
