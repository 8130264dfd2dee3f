"""What messages ask for: every command, and all that people and machines get wrong."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtaudio_daemon.mqtt import commands
from rtaudio_daemon.mqtt.commands import (
    Microphone,
    Persona,
    Press,
    Say,
    Volume,
    WrongCommandError,
    read,
)
from rtaudio_daemon.mqtt.topics import COMMANDS, Topics

TOPICS = Topics("rtaudio-daemon", "kitchen")


@pytest.mark.parametrize(
    ("name", "payload", "command"),
    [
        ("microphone", "ON", Microphone(muted=False)),
        ("microphone", "true", Microphone(muted=False)),
        ("microphone", "1", Microphone(muted=False)),
        ("microphone", " off\n", Microphone(muted=True)),
        ("microphone", "0", Microphone(muted=True)),
        ("volume", "0", Volume(0.0)),
        ("volume", "40", Volume(0.4)),
        ("volume", "100", Volume(1.0)),
        ("volume", "12.5", Volume(0.125)),
        ("volume", '{"level": 0.25}', Volume(0.25)),
        ("volume", '{"level": 1}', Volume(1.0)),
        ("persona", "mycroft", Persona("mycroft")),
        ("persona", '{"name": "Frau Holle"}', Persona("Frau Holle")),
        ("persona", "(nobody special)", Persona("")),
        ("persona", "", Persona("")),
        ("listen", "PRESS", Press("listen")),
        ("interrupt", "", Press("interrupt")),
        ("dismiss", "{}", Press("dismiss")),
        ("say", "Dinner is ready.", Say("Dinner is ready.", "verbatim")),
        ("say", "5", Say("5", "verbatim")),
        ("say", '"quoted"', Say('"quoted"', "verbatim")),
        ("prompt", "Tell a joke.", Say("Tell a joke.", "prompt")),
        ("say", '{"text": " Zwölf Uhr 🕛 "}', Say("Zwölf Uhr 🕛", "verbatim")),
        (
            "say",
            '{"text": "Fire", "priority": "high", "id": "a.1", "chime": true, "remember": true}',
            Say("Fire", "verbatim", urgent=True, remember=True, id="a.1", chime=True),
        ),
        ("say", '{"text": "a", "priority": "normal"}', Say("a", "verbatim")),
    ],
)
def test_a_command_is_read(name: str, payload: str, command: commands.Command) -> None:
    assert read(name, payload.encode()) == command


@pytest.mark.parametrize(
    ("name", "payload", "why"),
    [
        ("shutdown", b"", "there is no command 'shutdown'; known are microphone, volume, persona"),
        ("microphone", b"", "microphone: expected ON (it hears) or OFF (it is muted), got ''"),
        ("microphone", b"yes please, all of the time", "got 'yes please, all of the t…'"),
        ("microphone", b'{"muted": true}', "microphone: expected ON"),
        ("volume", b"NaN", "volume: expected a number from 0 to 100, got 'NaN'"),
        ("volume", b"101", "volume: expected a number from 0 to 100"),
        ("volume", b"-1", "volume: expected a number from 0 to 100"),
        ("volume", b"40%", "volume: expected a number from 0 to 100"),
        ("volume", b"1e2", "volume: expected a number from 0 to 100"),
        ("volume", "٤٠".encode(), "volume: expected a number from 0 to 100"),
        ("volume", b'{"level": NaN}', "volume: begins with { and is no JSON object"),
        ("volume", b'{"level": true}', "volume: level: expected a number from 0 to 1"),
        ("volume", b'{"level": "1"}', "volume: level: expected a number from 0 to 1"),
        ("volume", b'{"level": 1.5}', "volume: level: expected a number from 0 to 1"),
        ("volume", b"{}", "volume: level: expected a number from 0 to 1"),
        ("persona", b'{"name": 4}', "persona: name: expected the name of a persona, or an empty"),
        ("persona", b"{}", "persona: name: expected the name of a persona, or an empty text"),
        ("volume", b'{"percent": 4}', "volume: there is no field 'percent'; known are level"),
        ("listen", b"8 seconds", "listen: is a button; expected PRESS or nothing, got '8 seconds'"),
        ("say", b"", "say: there are no words to say"),
        ("say", b" \n\t ", "say: there are no words to say"),
        ("say", b"{}", "say: there are no words to say"),
        ("say", b'{"text": 5}', "say: there are no words to say"),
        ("say", b"{hello}", "say: begins with { and is no JSON object"),
        ("say", b'{"text": "a"', "say: begins with { and is no JSON object"),
        ("say", b'{"text": "a", "volume": 1}', "say: there is no field 'volume'; known are text"),
        ("say", b'{"text": "a", "priority": "now"}', "say: priority: expected normal or high"),
        ("say", b'{"text": "a", "priority": []}', "say: priority: expected normal or high"),
        ("say", b'{"text": "a", "chime": 1}', "say: chime: expected true or false"),
        ("say", b'{"text": "a", "remember": null}', "say: remember: expected true or false"),
        ("say", b'{"text": "a", "id": "a b"}', "say: id: expected 1 to 64 letters"),
        ("say", b'{"text": "a", "id": 5}', "say: id: expected 1 to 64 letters"),
        ("say", b'{"text": "a\\u0000b"}', "say: there are control characters in the text"),
        ("say", b"a\x1b[2Jb", "say: there are control characters in the text"),
        ("say", b"\xff\xfe", "say: is no text in UTF-8"),
        ("say", b"a" * 4001, "say: 4001 characters are too many, 4000 fit"),
        ("say", b"a" * 1_000_000, "say: 1000000 bytes are too many, 16384 fit"),
        ("say", b'{"text": ' + b"[" * 5000, "say: begins with { and is no JSON object"),
        ("say", b'{"text": ' + b"[" * 70 + b"]" * 70 + b"}", "say: is nested too deeply"),
    ],
)
def test_what_is_wrong_is_said_with_the_remedy(name: str, payload: bytes, why: str) -> None:
    with pytest.raises(WrongCommandError) as caught:
        read(name, payload)
    assert why in str(caught.value)
    assert len(str(caught.value)) < 200


def test_half_a_character_is_said_as_a_question_mark() -> None:
    assert read("say", b'{"text": "a\\ud800b"}') == Say("a?b", "verbatim")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_retained_command_never_runs(name: str) -> None:
    with pytest.raises(WrongCommandError, match=f"{name}: was retained by the broker"):
        read(name, b"ON", retained=True)


@given(st.sampled_from(COMMANDS), st.binary(max_size=200) | st.text(max_size=60).map(str.encode))
def test_whatever_comes_is_a_command_or_is_refused(name: str, payload: bytes) -> None:
    wrong = ""
    try:
        command = read(name, payload)
    except WrongCommandError as error:
        wrong = str(error)
    assert wrong.isprintable()
    assert wrong or isinstance(command, Microphone | Volume | Persona | Press | Say)


@given(
    st.dictionaries(
        st.sampled_from(["text", "priority", "chime", "remember", "id", "level"]),
        st.none() | st.booleans() | st.floats() | st.text(max_size=20) | st.just([[]]),
    )
)
def test_whatever_json_comes_is_a_command_or_is_refused(fields: dict[str, object]) -> None:
    for name in COMMANDS:
        try:
            command = read(name, json.dumps(fields).encode())
        except WrongCommandError:
            continue
        if isinstance(command, Say):
            assert command.text
            assert command.mode == ("verbatim" if name == "say" else "prompt")
        if isinstance(command, Volume):
            assert 0 <= command.level <= 1


def test_only_our_own_topics_name_commands() -> None:
    assert TOPICS.command_at("rtaudio-daemon/kitchen/say/set") == "say"
    assert TOPICS.command_at("rtaudio-daemon/bath/say/set") == ""
    assert TOPICS.command_at("rtaudio-daemon/kitchen/state") == ""
    assert TOPICS.commands == "rtaudio-daemon/kitchen/+/set"


@pytest.mark.parametrize(
    ("payload", "wish"),
    [
        (b" Dinner is ready. ", commands.Broadcast("Dinner is ready.", None, "")),
        (
            b'{"text": "Dinner.", "id": "all_1", "from": "bath"}',
            commands.Broadcast("Dinner.", "all_1", "bath"),
        ),
    ],
)
def test_words_for_everybody_are_plain_or_have_an_id(
    payload: bytes, wish: commands.Broadcast
) -> None:
    assert commands.read_broadcast(payload) == wish


@pytest.mark.parametrize(
    ("payload", "retained", "why"),
    [
        (b"", False, "broadcast: there are no words to say"),
        (b"Dinner.", True, "broadcast: was retained by the broker"),
        (b'{"text": "a", "id": ""}', False, "broadcast: id: expected 1 to 64 letters"),
        (b'{"text": "a", "from": 4}', False, "broadcast: from: expected 1 to 64 letters"),
        (b'{"text": "a", "mode": "prompt"}', False, "broadcast: there is no field 'mode'"),
        (b"x" * (commands.BYTES_MOST + 1), False, "broadcast: 16385 bytes are too many"),
    ],
)
def test_what_is_no_announcement_is_refused(payload: bytes, retained: bool, why: str) -> None:
    with pytest.raises(commands.WrongCommandError) as raised:
        commands.read_broadcast(payload, retained=retained)
    assert str(raised.value).startswith(why)
