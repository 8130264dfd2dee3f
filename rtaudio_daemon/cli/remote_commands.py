"""The commands that only talk to a running daemon."""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TextIO
from urllib.parse import quote

from ..errors import RTAudioError
from ..protocol.bounds import printable
from ..user_folders import configuration_file
from .http_client import DaemonClient, local_daemon
from .setup.services import configurations
from .status_lines import status_lines

_SAID_S = 130.0  # longer than the daemon takes to answer
_READ_S = 90.0  # longer than it takes to read a sound file
_PLAYED_S = 490.0  # longer than it takes to read and play it
_SHOWN_CHARACTERS = 200  # of a changed option; `tools.own` can fill pages
_AUDIBLE = {
    "yes": ", and the microphone heard it",
    "no": ", but the microphone heard nothing of it: is the loudspeaker on?",
}
_ASKED_S = 600.0  # how long a question may wait, be spoken, and be answered
_CALL_S = 310.0  # longer than any tool may take


def status(arguments: argparse.Namespace) -> int:
    """Print the state of the daemon in a few lines, or with --watch every event."""
    daemon = remote(arguments)
    if not arguments.watch:
        state = daemon.get("/api/status")
        if arguments.json:
            print(json.dumps(state, indent=2))
            return 0
        coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        print("\n".join(status_lines(state, coloured=coloured)))
        return 0
    signal.signal(signal.SIGINT, signal.default_int_handler)  # Ctrl-C ends watching
    for name, data in daemon.events():
        shown = {key: value for key, value in data.items() if key != "time"}
        _print(f"{data.get('time', '')}  {name:12} {json.dumps(shown)}", flush=True)
    return 0


def health(arguments: argparse.Namespace) -> int:
    """Exit with 0 if the daemon reports that it is healthy; for container engines."""
    found = remote(arguments).get("/health")
    _print(json.dumps(found, indent=2) if arguments.json else "healthy")
    return 0


def say(arguments: argparse.Namespace) -> int:
    """Make the daemon speak, or answer."""
    body: dict[str, Any] = {
        "text": " ".join(arguments.text),
        "mode": "prompt" if arguments.prompt else "verbatim",
        "priority": "high" if arguments.urgent else "normal",
        "chime": arguments.chime,
        "wait": arguments.wait,
    }
    timeout_s = {"timeout_s": _SAID_S} if arguments.wait else {}
    state = remote(arguments).post("/api/say", body, **timeout_s)
    return _print_receipt(arguments, state, "said")


def broadcast(arguments: argparse.Namespace) -> int:
    """Make all daemons of a home speak; exit with 1 if only this one does, or only the others."""
    state = remote(arguments).post("/api/broadcast", {"text": " ".join(arguments.text)})
    if arguments.json:
        print(json.dumps(state, indent=2))
    else:
        here = "waits to be spoken here" if "said" in state else "not spoken here"
        sent = "sent to the others" if state["sent"] else "not sent to the others"
        _print(f"{here}, {sent}")
    if state["reason"]:
        _print(state["reason"], file=sys.stderr)
    return 1 if state["reason"] else 0


def play(arguments: argparse.Namespace) -> int:
    """Make the daemon play a sound file."""
    body = {
        "url" if "://" in arguments.source else "file": arguments.source,
        "priority": "high" if arguments.urgent else "normal",
        "wait": arguments.wait,
    }
    timeout_s = _PLAYED_S if arguments.wait else _READ_S
    state = remote(arguments).post("/api/play", body, timeout_s)
    return _print_receipt(arguments, state, "played")


def _print_receipt(arguments: argparse.Namespace, state: dict[str, Any], done: str) -> int:
    """Print the outcome of a text or sound if it was awaited; return 1 if it is not `done`."""
    if not arguments.wait or arguments.json:
        return _print_state(arguments, state)
    said = state["said"]
    outcome = said.get("outcome", f"not {done} yet").replace("_", " ")
    words = done if outcome == "said" else outcome
    played = f"{said.get('heard_ms', 0) / 1000:.1f} s of it were played"
    _print(f"{words}, {played}{_AUDIBLE.get(said.get('audible', ''), '')}")
    return 0 if outcome == "said" else 1


def ask(arguments: argparse.Namespace) -> int:
    """Let the daemon ask a question, and print the answer; exit with 1 if nobody answered."""
    answers: dict[str, list[str]] = {}
    for each in arguments.answer:
        name, _, sentence = each.partition("=")
        answers.setdefault(name.strip(), []).extend(filter(None, [sentence.strip()]))
    body = {
        "question": " ".join(arguments.question),
        "answers": [{"id": name, "sentences": answers[name]} for name in answers],
        "timeout_s": arguments.timeout,
    }
    closed = remote(arguments).post("/api/ask", body, timeout_s=_ASKED_S + arguments.timeout)
    if arguments.json:
        print(json.dumps(closed, indent=2))
    elif closed["outcome"] == "answered":
        _print(f"{closed['id']}: {closed['text']}" if closed["id"] else closed["text"])
    else:
        _print(f"{closed['outcome'].replace('_', ' ')}: {closed['reason']}", file=sys.stderr)
    return 0 if closed["outcome"] == "answered" else 1


def volume(arguments: argparse.Namespace) -> int:
    """Set the volume."""
    state = remote(arguments).post("/api/volume", {"level": arguments.level})
    return _print_state(arguments, state)


def persona(arguments: argparse.Namespace) -> int:
    """Choose who answers, or list who could."""
    daemon = remote(arguments)
    if arguments.persona is None:
        state = daemon.get("/api/status")
    else:
        state = daemon.post("/api/persona", {"name": arguments.persona})
    found = state["persona"]
    if arguments.json:
        print(json.dumps(found, indent=2))
        return 0
    if found["wanted"] != found["name"]:
        _print(f"{found['wanted'] or 'nobody special'} answers from the next quiet moment on")
    else:
        _print(f"{found['name'] or 'nobody special'} answers")
    _print(f"known are: {', '.join(found['names']) or 'none'}")
    return 0


def post(arguments: argparse.Namespace) -> int:
    """Send a request that needs only its name: interrupt, mute, unmute."""
    return _print_state(arguments, remote(arguments).post(f"/api/{arguments.name}"))


def _print_state(arguments: argparse.Namespace, state: dict[str, Any]) -> int:
    """Print the result of a command in one line."""
    if arguments.json:
        print(json.dumps(state, indent=2))
        return 0
    muted = ", muted" if state["muted"] else ""
    connection = f"connection {state['connection']['state']}"
    _print(f"{state['status']}{muted}, volume {state['volume']:g}, {connection}")
    return 0


def reload(arguments: argparse.Namespace) -> int:
    """Make the daemon read its settings again; exit with 1 if a part rejected them."""
    report = remote(arguments).post("/api/reload")
    if arguments.json:
        print(json.dumps(report, indent=2))
        return 0
    for each in report["changed"]:
        why = f": {each['reason']}" if each.get("reason") else ""
        before, after = json.dumps(each["before"]), json.dumps(each["after"])
        shown = before + after
        short = len(shown) <= _SHOWN_CHARACTERS and "{" not in shown
        words = f"{before} is now {after}" if short else "is different now"
        _print(f"{each['option']}: {words} ({each['state']}{why})")
    for warning in report["warnings"]:
        _print(f"warning: {warning}", file=sys.stderr)
    if not report["changed"]:
        _print("nothing is different")
    return 1 if any(each["state"] == "failed" for each in report["changed"]) else 0


def timers(arguments: argparse.Namespace) -> int:
    """List the timers, remove one, or silence the ringing, for good or for a while."""
    daemon = remote(arguments)
    if arguments.action == "cancel":
        if not arguments.which:
            raise RTAudioError("which one? name it, or give its number from the list")
        gone = daemon.delete(f"/api/timers/{quote(arguments.which, safe='')}")
        said = f"cancelled: {_called(gone['timer'])}"
        _print(json.dumps(gone, indent=2) if arguments.json else said)
        return 0
    if arguments.action != "list":
        return _silence(arguments, daemon)
    found = daemon.get("/api/timers")
    if arguments.json:
        print(json.dumps(found, indent=2))
        return 0
    for each in found["timers"]:
        every = f", every {' '.join(each['days'])}" if each["days"] else ""
        left = "" if each["state"] == "ringing" else f", {_left(each['left_s'])} left"
        _print(f"{each['id']:>3}  {_called(each)}: {each['state']}{left}{every}")
    for each in found["missed"]:
        _print(f"  -  {_called(each)}: missed")
    if not (found["timers"] or found["missed"]):
        _print("no timer is set")
    return 0


def _silence(arguments: argparse.Namespace, daemon: DaemonClient) -> int:
    """Dismiss or snooze the ringing, and print which timers that affected."""
    before = {each["id"]: each for each in daemon.get("/api/timers")["timers"]}
    state = daemon.post(f"/api/timers/{arguments.action}")
    if arguments.json:
        _print(json.dumps(state, indent=2))
        return 0
    after = {each["id"]: each for each in state["timers"]}
    if arguments.action == "snooze":
        done = [each for each in after.values() if _has_snoozed(before.get(each["id"]), each)]
        words = [f"{_called(each)}: rings again in {_left(each['left_s'])}" for each in done]
    else:
        rang = [each for each in before.values() if each["state"] == "ringing"]
        still = {name for name, each in after.items() if each["state"] == "ringing"}
        words = [f"dismissed: {_called(each)}" for each in rang if each["id"] not in still]
    _print("\n".join(words) or "nothing rings")
    return 0


def _has_snoozed(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> bool:
    """Return whether a timer runs that did not: it rang, or had been dismissed."""
    return after["state"] == "running" and (before is None or before["state"] == "ringing")


def tools(arguments: argparse.Namespace) -> int:
    """List the tools by source, or call one; exit with 1 if the call gave no result."""
    daemon = remote(arguments)
    found = daemon.get("/api/tools")
    if arguments.call:
        return _call_tool(arguments, daemon, found.get("list", []))
    if arguments.json:
        print(json.dumps(found, indent=2))
        return 0
    for source in found.get("sources", []):
        note = f" ({source['note']})" if source["note"] else ""
        _print(f"{source['name']}: {source['state']}, {_tools(source['tools'])}{note}")
        for each in found["list"]:
            if each["source"] == source["name"]:
                marks = [name for name in ("confirm", "read_only") if each[name]]
                _print(f"  {each['name']}{_parameters(each)}{_listed(marks)}")
                _print(f"      {' '.join(each['description'].split())}")
    tokens = found.get("tokens", 0)
    _print(f"{_tools(found.get('tools', 0))}, about {tokens} tokens with every answer")
    for note in found.get("notes", []):
        _print(f"warning: {note}", file=sys.stderr)
    return 0


def _call_tool(
    arguments: argparse.Namespace, daemon: DaemonClient, known: Sequence[Mapping[str, Any]]
) -> int:
    name, *rest = arguments.call
    try:
        given = json.loads(" ".join(rest) or "{}")
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise RTAudioError("the arguments must be a JSON object, as in '{\"percent\": 40}'")
    needs_yes = any(each["name"] == name and each["confirm"] for each in known)
    confirm = arguments.yes or (needs_yes and _agreed(name))
    body = {"arguments": given, "confirm": confirm}
    output = daemon.post(f"/api/tools/{quote(name, safe='')}", body, timeout_s=_CALL_S)
    if arguments.json:
        print(json.dumps(output, indent=2))
    elif "error" in output:
        _print(f"error: {output['error']}", file=sys.stderr)
    else:
        result = output["result"]
        _print(result if isinstance(result, str) else json.dumps(result, indent=2))
    return 1 if "error" in output else 0


def _tools(count: int) -> str:
    return "1 tool" if count == 1 else f"{count} tools"


def _agreed(name: str) -> bool:
    if not sys.stdin.isatty():
        return False
    return input(f"{name} needs a yes. Call it? [y/N] ").strip().lower() in ("y", "yes")


def _parameters(tool: Mapping[str, Any]) -> str:
    names = tool["parameters"].get("properties", {})
    required = tool["parameters"].get("required", [])
    return f"({', '.join(name if name in required else f'[{name}]' for name in names)})"


def _listed(marks: Sequence[str]) -> str:
    words = {"confirm": "needs a yes", "read_only": "changes nothing"}
    return f"  [{', '.join(words[each] for each in marks)}]" if marks else ""


def _called(timer: Mapping[str, Any]) -> str:
    words = timer["name"] or timer["text"] or timer["at"] or f"of {timer['length_s']:g} s"
    return f"{timer['kind']} {words}"


def _left(seconds: float) -> str:
    minutes, rest = divmod(math.ceil(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def remote(arguments: argparse.Namespace) -> DaemonClient:
    """Return the daemon to talk to. Raises RTAudioError."""
    if arguments.url:
        url = arguments.url.rstrip("/")
        url = url if "://" in url else f"http://{url}"
        return DaemonClient(url, os.environ.get("RTAUDIO_TOKEN", ""))
    chosen = arguments.config != configuration_file()
    return local_daemon(arguments.config, () if chosen else configurations())


def _print(text: str, file: TextIO | None = None, *, flush: bool = False) -> None:
    """Print text of unknown origin, escaping what could control the terminal."""
    print(printable(text), file=file, flush=flush)


COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = MappingProxyType(
    {
        "status": status,
        "health": health,
        "say": say,
        "ask": ask,
        "broadcast": broadcast,
        "play": play,
        "volume": volume,
        "persona": persona,
        "reload": reload,
        "interrupt": post,
        "mute": post,
        "unmute": post,
        "timers": timers,
        "tools": tools,
    }
)
"""Each returns its exit status, and raises RTAudioError."""
