"""`hooks`: what is wrong with an entry is named, with the remedy; what a hook may wait for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rtaudio_daemon.api.event_schemas import EVENTS as PUBLISHED
from rtaudio_daemon.config import Hook, Secret, load, parse, redacted
from rtaudio_daemon.config.hook_events import EVENTS, fields_of
from rtaudio_daemon.config.hooks import described, wanted
from rtaudio_daemon.errors import ConfigError


def problems(hooks: str) -> list[str]:
    """What is wrong with the entries, without the file and its name."""
    with pytest.raises(ConfigError) as refused:
        parse(f"hooks:\n{hooks}")
    return [each.removeprefix("config.yaml:") for each in refused.value.problems]


def test_hooks_wait_for_the_events_of_the_http_api_and_know_their_fields() -> None:
    assert set(EVENTS) == PUBLISHED.keys() - {"snapshot", "level", "shutdown"}
    for name in EVENTS:
        assert set(fields_of(name)) == set(PUBLISHED[name][1]["properties"]), name


def test_a_hook_as_a_person_writes_it() -> None:
    found = parse(
        "hooks:\n"
        '  - {on: wake, run: [/usr/local/bin/lamp, "on"]}\n'
        '  - {on: status, url: "http://127.0.0.1:1880/voice"}\n'
        "  - on: Status\n    when: {status: [listening, speaking], previous: idle}\n"
        '    run: [lamp, --colour, "{status}", "--was={previous}", "{event} {time}"]\n'
        "    limit_s: 5\n"
        "  - {on: mute, when: {muted: true}, run: lamp}\n"
    )
    assert found.warnings == ()
    assert [described(each) for each in found.hooks] == [
        "wake: /usr/local/bin/lamp on",
        "status: POST http://127.0.0.1:1880/voice",
        "status, status listening or speaking, previous idle: "
        "lamp --colour {status} --was={previous} {event} {time}",
        "mute, muted true: lamp",
    ]


def test_when_compares_words_numbers_and_yes_or_no() -> None:
    hook = Hook(on="status", when={"status": ["listening", "speaking"], "previous": "idle"})
    assert wanted(hook, {"status": "speaking", "previous": "idle"})
    assert not wanted(hook, {"status": "thinking", "previous": "idle"})
    assert not wanted(hook, {"status": "speaking", "previous": "listening"})
    assert wanted(Hook(on="mute", when={"muted": True}), {"muted": True})
    assert not wanted(Hook(on="mute", when={"muted": True}), {"muted": False})
    assert wanted(Hook(on="volume", when={"level": 1}), {"level": 1.0})
    assert not wanted(Hook(on="device", when={"code": "lost"}), {"code": None})


def test_a_program_is_looked_for_beside_the_file_and_secrets_stay_hidden(tmp_path: Path) -> None:
    (tmp_path / "secrets.yaml").write_text("key: opens-every-door\n")
    (tmp_path / "secrets.yaml").chmod(0o600)
    path = tmp_path / "config.yaml"
    path.write_text(
        "hooks:\n  - {on: wake, run: [./lamp.sh, !secret key]}\n"
        "  - {on: wake, url: 'https://nas/voice', headers: {Authorization: !secret key}}\n"
    )
    found = load(path)
    assert found.warnings == ()
    assert found.hooks[0].run == (str(tmp_path / "lamp.sh"), "opens-every-door")
    assert isinstance(found.hooks[0].run[1], Secret)
    texts = [repr(found), str(redacted(found)), *map(described, found.hooks)]
    assert not any("opens-every-door" in text for text in texts)


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        ("on: waek, run: x", ".on: expected status, speech, *; did you mean wake?"),
        (
            "on: speaking, run: x",
            ".on: speaking is a status; write on: status, and when: {status: speaking}",
        ),
        ("on: level, run: x", ".on: there are no hooks on level: it comes ten times *"),
        ("on: snapshot, run: x", ".on: there are no hooks on snapshot: *use status*"),
        ("on: shutdown, run: x", ".on: there are no hooks on shutdown: *ExecStopPost*"),
        ("run: x", ": waits for nothing; write on: *"),
        ("on: wake", ": does nothing; give it run: *"),
        ("on: wake, run: x, url: 'http://x'", ".url: a hook has either run or url; *"),
        ("on: wake, run: x, headers: {a: b}", ".headers: only a hook with a url *"),
        ("on: wake, urll: x", ".urll: there is no such option; did you mean url?"),
        ("on: wake, url: nas/x", ".url: expected an address as in http://*got nas/x"),
        (
            "on: wake, url: 'http://u:p@x/'",
            ".url: expected an address *a password in it",
        ),
        ("on: wake, url: 'http://x:99999/'", ".url: its port is none: *"),
        ("on: wake, url: 'http://x/{word}'", ".url: nothing of the event stands in *"),
        (
            "on: wake, url: 'http://x', headers: {a b: c}",
            ".headers.a b: is no name of *",
        ),
        ("on: wake, url: 'http://x', headers: {a: ''}", ".headers.a: is empty: *"),
        (
            "on: wake, url: 'http://x', headers: {a: !env_var NO_SUCH ''}",
            ".headers.a: is empty: *",
        ),
        ("on: wake, run: [x, !env_var NO_SUCH '']", ".run[1]: is empty: the secret *"),
        ("on: wake, run: [x, '{wrod}']", ".run[1]: {wrod} is no field of *mean word?"),
        (
            "on: wake, run: ['{word}']",
            ".run[0]: the program itself never comes from an *",
        ),
        (
            "on: wake, run: [x, '-n{word}']",
            ".run[1]: an event could make another option*",
        ),
        ("on: ignored, run: x, when: {a: 1}", ".when.a: is no field *; it has none"),
        ("on: status, run: x, when: {statsu: a}", ".when.statsu: *mean status?"),
        (
            "on: status, run: x, when: {status: speeking}",
            ".when.status: expected idle, listening, thinking or speaking, got speeking; "
            "did you mean speaking?",
        ),
        ("on: status, run: x, when: {status: []}", ".when.status: expected a value, *"),
        ("on: status, run: x, when: {status: {a: 1}}", ".when.status: expected a val*"),
        ("on: mute, run: x, when: {muted: 1}", ".when.muted: expected true or false, *"),
        ("on: wake, run: x, limit_s: 0", ".limit_s: expected a number from 1 to 300*"),
        (
            "on: wake, run: [x, on]",
            ".run: expected text, got a yes/no value; put it in*",
        ),
    ],
)
def test_a_mistake_names_the_entry_and_the_remedy(entry: str, what: str) -> None:
    (found,) = problems(f"  - {{{entry}}}\n")
    expected = ".*".join(re.escape(part) for part in f"2: hooks[0]{what}".split("*"))
    assert re.fullmatch(expected, found), found


def test_what_should_not_stay_so_is_warned_of() -> None:
    found = parse(
        "hooks:\n  - on: transcript\n    url: http://nas/voice\n    headers: {X-Token: abc}\n"
    )
    assert found.warnings[:3] == (
        "config.yaml:3: hooks[0].url: http:// sends the headers where others in the network can "
        "read them; use https:// if the other side knows it",
        "config.yaml:2: hooks[0].on: nothing will come: what was said is given to nobody unless "
        "http.publish_transcripts is true",
        "config.yaml:4: hooks[0].headers.X-Token: the key itself stands here; put it into "
        "secrets.yaml and write !secret x-token",
    )
