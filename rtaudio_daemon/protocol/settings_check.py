"""Compares a session's settings with the requested ones, and gives advice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..config.profiles import Dialect
from .bounds import id_of
from .session_format import explicit_turn_detection, flat_session, merged

_WORDS: Mapping[Dialect, str] = {"ga": "GA", "preview": "preview"}
_REMEDY: Mapping[Dialect, str] = {
    "ga": "realtime.profile azure (with api_version v1), openai, or compatible",
    "preview": "realtime.profile azure-preview (with a dated api_version) or compatible",
}
_PREVIEW_REFUSES = ("session.type", "session.audio", "session.output_modalities")
_GA_REFUSES = (
    "session.modalities",
    "session.voice",
    "session.turn_detection",
    "session.input_audio",
    "session.output_audio",
    "session.temperature",
)
_DIALECT_CODES = ("unknown_parameter", "missing_required_parameter")


def differences(requested: Mapping[str, Any], effective: Mapping[str, Any]) -> list[str]:
    """Return each setting that the service uses differently, in words; [] if none.

    ``extra`` overrides the rest, as when it is sent. Settings that the service does not report
    count as accepted.
    """
    wanted = merged(flat_session(requested), flat_session(_object(requested.get("extra"))))
    used = flat_session(effective)
    found = []
    for name in ("voice", "input_audio_format", "output_audio_format", "instructions"):
        if name in used and name in wanted and _plain(wanted[name]) != _plain(used[name]):
            shown = name == "instructions"
            found.append(name if shown else _said(name, used[name], wanted[name]))
    found += _unlike_lists("modalities", wanted, used)
    if "turn_detection" in wanted and "turn_detection" in used:
        found += _unlike_detection(wanted["turn_detection"], used["turn_detection"])
    wants, uses = (_object(one.get("input_audio_transcription")) for one in (wanted, used))
    if "input_audio_transcription" in used and wants.get("model") != uses.get("model"):
        found.append(_said("transcription", uses.get("model"), wants.get("model")))
    return found


def speaks(settings: Mapping[str, Any]) -> bool:
    """Return whether answers are spoken with these flat session settings."""
    flat = {**settings, **flat_session(settings.get("extra") or {})}
    return "audio" in (flat.get("modalities") or ["audio"])


def advice(
    speaks: Dialect | None, profile: str, error: Mapping[str, Any] | None = None
) -> str | None:
    """Return advice if the service `speaks` another dialect, or an `error` suggests that."""
    speaks = speaks or (_spoken_by(error) if error else None)
    if speaks is not None:
        return (
            f"the endpoint speaks the {_WORDS[speaks]} dialect, which is not that of profile "
            f"{profile}: set {_REMEDY[speaks]}"
        )
    if error and error.get("code") in _DIALECT_CODES:
        return "is realtime.profile the right one for this service, and realtime.session.extra?"
    return None


def _spoken_by(error: Mapping[str, Any]) -> Dialect | None:
    """Return the dialect of a service that refuses our spelling in this way."""
    if error.get("code") not in _DIALECT_CODES:
        return None
    words = f"{error.get('param') or ''} {error.get('message') or ''}"
    if error.get("code") == "missing_required_parameter":
        return "ga" if "session.type" in words else None
    if any(name in words for name in _PREVIEW_REFUSES):
        return "preview"
    return "ga" if any(name in words for name in _GA_REFUSES) else None


def _unlike_lists(name: str, wanted: Mapping[str, Any], used: Mapping[str, Any]) -> Iterator[str]:
    want, use = wanted.get(name), used.get(name)
    if (
        isinstance(want, list)
        and isinstance(use, list)
        and set(map(str, want)) != set(map(str, use))
    ):
        yield _said(name, use, want)


def _unlike_detection(wanted: Any, used: Any) -> Iterator[str]:
    if not isinstance(wanted, dict) or not isinstance(used, dict):
        if isinstance(wanted, dict) or isinstance(used, dict):
            yield _said("turn_detection", _kind(used), _kind(wanted))
        return
    for name, value in explicit_turn_detection(wanted).items():
        if name in used and used[name] != value:
            yield _said(f"turn_detection.{name}", used[name], value)


def _kind(detection: Any) -> str:
    return str(detection.get("type")) if isinstance(detection, dict) else "none"


def _plain(value: Any) -> Any:
    """Return the name of a voice, which may be given as an object."""
    return value.get("name") or value.get("id") or value if isinstance(value, dict) else value


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _said(name: str, used: Any, wanted: Any) -> str:
    return f"{name} is {_shown(used)} instead of {_shown(wanted)}"


def _shown(value: Any) -> str:
    return id_of(repr(_plain(value)))
