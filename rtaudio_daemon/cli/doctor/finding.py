"""What the doctor finds: a verdict, what is so, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["pass", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report. `remedy` is empty when there is nothing to do.

    `key_at_fault`: the service refused our credentials; `config_at_fault`: config.yaml is wrong.
    """

    name: str
    verdict: Verdict
    what: str
    remedy: str = ""
    key_at_fault: bool = False
    config_at_fault: bool = False


def passed(name: str, what: str) -> Finding:
    """All is well here."""
    return Finding(name, "pass", what)


def warned(name: str, what: str, remedy: str) -> Finding:
    """It works, but may not stay so."""
    return Finding(name, "warn", what, remedy)


def failed(
    name: str, what: str, remedy: str, *, key_at_fault: bool = False, config_at_fault: bool = False
) -> Finding:
    """It does not work."""
    return Finding(name, "fail", what, remedy, key_at_fault, config_at_fault)
