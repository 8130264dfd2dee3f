"""The log: plain lines, or entries with fields for the journal; secrets never show in either.

Levels are set in the `logger` section: a default, and others by module.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import re
import sys
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from .. import config
from ..config.secret import secrets_in
from ..notifications import (
    ConnectionChanged,
    ConnectionState,
    DeviceChanged,
    DeviceCode,
    DeviceState,
    ErrorReported,
    Interruption,
    MuteChanged,
    Notification,
    PersonaChanged,
    StatusChanged,
    TimerReported,
    ToolReported,
)
from ..protocol.bounds import printable
from .log_handlers import DatagramHandler, DescriptorHandler

JOURNAL = "/run/systemd/journal/socket"
_STDERR = 2
_LOG = logging.getLogger(__name__)
_PLAIN = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
_LONGEST = 48 * 1024  # of a message; a datagram is limited to about 200 KiB
_PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
# Values that are always secret: keys in addresses and headers, and OpenAI's keys.
_KEYS = re.compile(
    r"(?i)((?:api[-_]?key|authorization|token|secret|password)['\"]?\s*[=:]\s*['\"]?(?:bearer )?"
    r"|\bbearer )(?!\*\*)[^\s'\"&,;)}]{8,}"
)
_OWN_OPTION = re.compile(r"[\w\]]\.[\w-]*$")
_OPENAI = re.compile(r"\bsk-[A-Za-z0-9_-]{16,}")
_SHORTEST = 8  # a shorter key protects nothing, and occurs in many words
_own_levels: set[str] = set()


class Redaction:
    """Replaces secrets by `**`: the given `secrets`, and anything that looks like a key."""

    def __init__(self, secrets: Iterator[str] | tuple[str, ...] = ()) -> None:
        self._secrets = {each for each in secrets if len(each) >= _SHORTEST}

    def add(self, settings: config.Config) -> None:
        """Also hide every secret in these settings."""
        self._secrets |= {each for each in secrets_in(settings) if len(each) >= _SHORTEST}

    def __call__(self, text: str) -> str:
        """Return `text` without secrets."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "**")
        return _OPENAI.sub("**", _KEYS.sub(_hidden, text))


def _hidden(found: re.Match[str]) -> str:
    """Return `**` for what follows a key's name, unless it is an option's path in our own text."""
    before = found.string[max(0, found.start() - 64) : found.start()]
    if found[1].endswith(": ") and _OWN_OPTION.search(before):
        return found[0]
    return f"{found[1]}**"


redaction = Redaction()
"""The instance that the log uses; `add` registers secrets."""


class RedactingFormatter(logging.Formatter):
    """Formats as usual (with traceback), and removes secrets."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of `record`, without control characters except tabs and line feeds."""
        return printable(redaction(super().format(record)))


class JournalHandler(DatagramHandler):
    """Sends records with fields to the journal: an item of `extra` whose name begins with
    `rtaudio_` becomes a field, such as RTAUDIO_STATUS.
    """

    def __init__(self, address: str = JOURNAL) -> None:
        super().__init__(address)
        self.setFormatter(RedactingFormatter("%(message)s"))

    def encode(self, record: logging.LogRecord, message: str) -> bytes:
        """Encode a record for the journal."""
        return _entry(record, message)


def start(settings: config.Logger, environment: Mapping[str, str] = os.environ) -> None:
    """Start logging, to the journal if stderr is connected to it, otherwise to stderr."""
    handler: logging.Handler
    if _is_journal(environment.get("JOURNAL_STREAM", "")):
        handler = JournalHandler()
    else:
        handler = DescriptorHandler(_STDERR)
        handler.setFormatter(RedactingFormatter(_PLAIN))
    logging.basicConfig(handlers=[handler], force=True)
    logging.captureWarnings(True)
    warnings.simplefilter("default")
    set_levels(settings)
    try:
        faulthandler.enable()  # prints all stacks if the watchdog aborts us
    except (OSError, ValueError, RuntimeError):  # stderr is not a file
        _LOG.debug("no traceback will be written when the daemon is aborted")


def set_levels(settings: config.Logger) -> None:
    """Apply these levels, in place of those set before."""
    logging.getLogger().setLevel(settings.default.upper())
    wanted = settings.logs or {}
    for name in _own_levels - set(wanted):
        logging.getLogger(name).setLevel(logging.NOTSET)
    for name, level in wanted.items():
        logging.getLogger(name).setLevel(level.upper())
    _own_levels.clear()
    _own_levels.update(wanted)


def log_notification(notification: Notification) -> None:
    """Log one line per change of state that a person may search for."""
    match notification:
        case StatusChanged(status, previous):
            _write(logging.INFO, str(status), status=status, previous=previous)
        case ConnectionChanged(state=ConnectionState.OPEN, session_id=session_id):
            _write(
                logging.INFO,
                f"the session is open: {session_id}",
                connection=notification.state,
                session=session_id,
                profile=notification.profile,
            )
        case ConnectionChanged(state=state, reason=reason) if reason:
            _write(logging.DEBUG, f"the connection is {state}: {reason}", connection=state)
        case DeviceChanged(direction, DeviceState.OK, device, reason, DeviceCode.UNHEARD):
            text = f"{direction}: {device}: {reason}"
            _write(logging.WARNING, text, device=device, direction=direction)
        case DeviceChanged(direction, DeviceState.OK, device, reason):
            text = f"{direction}: {device}{f' ({reason})' if reason else ''}"
            _write(logging.INFO, text, device=device, direction=direction)
        case DeviceChanged(direction, DeviceState.DEAF, device, reason):
            text = f"{direction}: {device} is deaf: {reason}"
            _write(logging.WARNING, text, device=device, direction=direction)
        case MuteChanged(muted):
            _write(logging.INFO, "muted" if muted else "unmuted", muted=int(muted))
        case Interruption(item_id, audio_end_ms):
            _write(logging.DEBUG, f"interrupted after {audio_end_ms} ms", item=item_id)
        case ToolReported(call, tool, source, phase, took_ms):
            level = logging.INFO if phase in ("done", "started") else logging.WARNING
            facts = {"tool": tool, "call": call, "phase": phase}
            _write(level, f"tool {tool} ({source}): {phase} after {took_ms} ms", **facts)
        case TimerReported(id_, name, phase):
            _write(logging.INFO, f"timer {name or id_}: {phase}", timer=id_, phase=phase)
        case PersonaChanged(name, wanted, reason) if reason:
            goes_on = f"persona: {name or 'none'} goes on, not {wanted or 'none'} as wanted"
            _write(logging.WARNING, f"{goes_on}: {reason}", persona=name)
        case PersonaChanged(name):
            _write(logging.INFO, f"persona: {name or 'none'}", persona=name)
        case ErrorReported(source, code, message):
            _write(logging.WARNING, f"{source}: {message} ({code})", error=code, source=source)
        case _:
            pass


def _write(level: int, message: str, **facts: Any) -> None:
    _LOG.log(level, "%s", message, extra={f"rtaudio_{name}": facts[name] for name in facts})


def _entry(record: logging.LogRecord, message: str) -> bytes:
    """Encode a record for the journal."""
    priority = next((p for level, p in _PRIORITIES if record.levelno >= level), 7)
    entry = {
        "MESSAGE": message[:_LONGEST],
        "PRIORITY": str(2 if record.levelno >= logging.CRITICAL else priority),
        "SYSLOG_IDENTIFIER": "rtaudio-daemon",
        "RTAUDIO_LOGGER": record.name,
        "CODE_FILE": record.pathname,
        "CODE_LINE": str(record.lineno),
        "CODE_FUNC": str(record.funcName),
    }
    for name, value in vars(record).items():
        if name.startswith("rtaudio_") and value is not None:
            entry[name.upper()] = redaction(str(value))
    return b"".join(_field(name, value) for name, value in entry.items())


def _field(name: str, value: str) -> bytes:
    data = value.encode("utf-8", "backslashreplace")
    if b"\n" not in data:
        return name.encode() + b"=" + data + b"\n"
    # A value of several lines is preceded by its length.
    return name.encode() + b"\n" + len(data).to_bytes(8, "little") + data + b"\n"


def _is_journal(stream: str) -> bool:
    """Return whether stderr is the stream that systemd identifies as DEVICE:INODE."""
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError, AttributeError):
        return False
    return stream == f"{found.st_dev}:{found.st_ino}" and os.path.exists(JOURNAL)
