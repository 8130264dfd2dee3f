"""A finding of the doctor: a verdict, the facts, and the remedy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["pass", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report. `remedy` is empty if nothing needs to be done.

    `key_at_fault`: the service rejected our credentials; `config_at_fault`: config.yaml is invalid.
    """

    name: str
    verdict: Verdict
    what: str
    remedy: str = ""
    key_at_fault: bool = False
    config_at_fault: bool = False


def passed(name: str, what: str) -> Finding:
    """Everything is all right."""
    return Finding(name, "pass", what)


def warned(name: str, what: str, remedy: str) -> Finding:
    """It works, but may not stay so."""
    return Finding(name, "warn", what, remedy)


def failed(
    name: str, what: str, remedy: str, *, key_at_fault: bool = False, config_at_fault: bool = False
) -> Finding:
    """It does not work."""
    return Finding(name, "fail", what, remedy, key_at_fault, config_at_fault)
