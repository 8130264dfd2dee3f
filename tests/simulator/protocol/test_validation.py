"""What a client message may look like."""

from __future__ import annotations

from typing import Any

import pytest

from rtaudio_daemon.simulator.protocol.rejection import Rejection
from rtaudio_daemon.simulator.protocol.validation import (
    Shape,
    boolean,
    check,
    either,
    list_of,
    number,
    one_of,
    some_text,
)


@pytest.mark.parametrize(
    ("value", "shape", "code"),
    [
        ([1], {"a": one_of(1)}, "invalid_type"),
        ("x", number(0, 1), "invalid_type"),
        (1, boolean, "invalid_type"),
        ("", some_text, "invalid_value"),
        (1, some_text, "invalid_type"),
        (2, number(0, 1), "invalid_value"),
        (float("nan"), number(0, 1), "invalid_value"),
        (True, number(0, 1), "invalid_type"),
        ({}, list_of(one_of(1)), "invalid_type"),
        ([1, 2], list_of(one_of(1)), "invalid_value"),
        (3, either(one_of(1), one_of(2)), "invalid_value"),
        (None, {"a": one_of(1)}, "invalid_type"),
    ],
)
def test_a_shape_refuses_what_does_not_fit(value: Any, shape: Shape, code: str) -> None:
    with pytest.raises(Rejection) as refused:
        check(value, shape, "here")
    assert refused.value.code == code
    assert str(refused.value.param).startswith("here")
