"""The page (one self-contained file) and its Content-Security-Policy."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files


@cache
def html() -> str:
    """The whole page."""
    return (files("rtaudio_daemon.api") / "page.html").read_text(encoding="utf-8")


def content_policy(framed_by: Iterable[str] = ()) -> str:
    """The Content-Security-Policy of the page: exactly its own style and script may run.

    `framed_by`: origins that may show it in a frame.
    """
    script = " ".join(_hashes("script"))
    style = " ".join(_hashes("style"))
    frames = " ".join(framed_by) or "'none'"
    return (
        f"default-src 'none'; script-src {script}; style-src {style}; connect-src 'self'; "
        f"img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors {frames}"
    )


def _hashes(tag: str) -> list[str]:
    inside = re.findall(f"<{tag}>(.*?)</{tag}>", html(), re.DOTALL)
    digests = (hashlib.sha256(text.encode()).digest() for text in inside)
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]
