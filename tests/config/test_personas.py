"""What may stand in `personas`, and who may name one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.errors import ConfigError

PERSONAS = """
personas:
  jarvis:
    voice: echo
    instructions: You are Jarvis.
    language: en
    turn_detection: {silence_duration_ms: 900, threshold:}
  Emma 2: {voice: coral}
"""
WORDS = """
audio:
  listen: wake_word
  wake:
    words:
      - {word: hey_jarvis, persona: NAME}
      - {word: alexa}
"""


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        config.parse(text)
    return list(caught.value.problems)


def test_a_persona_changes_what_it_gives_and_nothing_else() -> None:
    found = config.parse(f"{PERSONAS}realtime: {{session: {{instructions: Be brief.}}}}")
    session = found.realtime.session
    jarvis = config.session_as(session, found.personas, "jarvis")
    assert (jarvis.voice, jarvis.instructions) == ("echo", "You are Jarvis.")
    assert jarvis.transcription.language == "en"
    assert jarvis.turn_detection == replace(session.turn_detection, silence_duration_ms=900)
    emma = config.session_as(session, found.personas, "Emma 2")
    assert emma == replace(session, voice="coral")


@pytest.mark.parametrize("name", ["", "who is gone"])
def test_without_a_persona_the_session_is_as_it_stands(name: str) -> None:
    found = config.parse(PERSONAS)
    assert config.session_as(found.realtime.session, found.personas, name) == config.Session()
    assert config.session_as(config.Session(), None, name) == config.Session()


def test_a_word_names_a_persona_that_there_is() -> None:
    found = config.parse(PERSONAS + WORDS.replace("NAME", "jarvis"))
    assert [each.persona for each in found.audio.wake.words] == ["jarvis", ""]


@pytest.mark.parametrize(
    ("personas", "hint"),
    [
        (PERSONAS, "there is no such persona; did you mean jarvis?"),
        ("personas: {emma: {voice: ash}}\n", "there is no such persona; known are emma"),
        ("", "there is no such persona; write it down: personas, and this name with its voice"),
    ],
)
def test_a_word_that_names_nobody_is_a_mistake_with_its_line(personas: str, hint: str) -> None:
    text = personas + WORDS.replace("NAME", "jervis")
    line = text[: text.index("jervis")].count("\n") + 1
    (problem,) = problems(text)
    assert problem.startswith(f"config.yaml:{line}: audio.wake.words[0].persona: {hint}")


def test_who_answers_at_the_start_is_a_persona_or_nobody() -> None:
    assert config.parse(PERSONAS).realtime.persona == ""
    assert config.parse(f"{PERSONAS}realtime: {{persona: ''}}").realtime.persona == ""
    assert config.parse(f"{PERSONAS}realtime: {{persona: jarvis}}").realtime.persona == "jarvis"
    (problem,) = problems(f"{PERSONAS}realtime: {{persona: jervis}}")
    assert "realtime.persona: there is no such persona; did you mean jarvis?" in problem


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ("{jarvis: {voice: 3}}", "personas.jarvis.voice: expected text, got 3"),
        ("{jarvis: {voce: echo}}", "personas.jarvis.voce: there is no such option; did you mean"),
        ("{-: {voice: echo}}", "personas.-: is no name for it"),
        ("{jarvis: {turn_detection: {silence: 1}}}", "turn_detection.silence: there is no such"),
        ("{jarvis: {turn_detection: {threshold: 7}}}", "turn_detection.threshold: expected a n"),
        ("{jarvis: {turn_detection: 7}}", "turn_detection: expected a group of options"),
        ("{jarvis: {turn_detection: {type: none}}}", "type: who ends the turns is the same for"),
        (f"{{{', '.join(f'a{n}: {{voice: b}}' for n in range(33))}}}", "32 personas at most"),
    ],
)
def test_a_mistake_in_a_persona_is_named_alone(given: str, what: str) -> None:
    (problem,) = problems(f"personas: {given}\n{WORDS.replace('persona: NAME', '')}")
    assert what in problem


def test_what_is_wrong_with_a_persona_is_not_held_against_the_word_that_names_it() -> None:
    (problem,) = problems("personas: {jarvis: {voice: 3}}\n" + WORDS.replace("NAME", "jarvis"))
    assert "personas.jarvis.voice" in problem


def test_where_the_gate_ends_the_turns_it_does_so_for_all() -> None:
    base = "realtime: {session: {turn_detection: {type: none}}}\n"
    assert config.parse(f"{base}personas: {{jarvis: {{voice: echo}}}}").warnings == ()
    problems(f"{base}personas: {{jarvis: {{turn_detection: {{type: server_vad}}}}}}")


def test_what_has_no_effect_is_said() -> None:
    warnings = config.parse("personas: {nobody: , emma: {language: de}}").warnings
    assert len(warnings) == 2
    assert "personas.nobody: answers as realtime.session does" in warnings[0]
    assert "personas.emma.language: is not used: nothing is transcribed" in warnings[1]


def test_no_personas_are_none() -> None:
    assert config.parse("personas:\n").personas is None
    assert config.parse("personas: {}\n").personas == {}
