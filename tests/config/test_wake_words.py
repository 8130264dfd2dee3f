"""`audio.wake.words`: what is wrong with an entry is named, with the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtaudio_daemon.config import Wake, WakeWord, load, parse
from rtaudio_daemon.errors import ConfigError

LISTEN = "audio:\n  listen: wake_word\n  wake:\n"


def test_words_as_a_person_writes_them(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "personas: {marvin: {voice: echo}}\n" + LISTEN + "    words:\n"
        "      - {word: alexa, sensitivity: high}\n"
        "      - {file: words/hey_marvin.json, persona: marvin}\n"
        "      - {file: ok.tflite, name: okay computer}\n"
        "      - {taught: hallo haus, sensitivity: Low}\n"
        "      - {taught: sei still, stop: true}\n",
        encoding="utf-8",
    )
    found = load(path)
    assert found.warnings == ()
    assert found.audio.wake.entries() == found.audio.wake.words
    assert [each.called for each in found.audio.wake.words] == [
        *("alexa", "hey_marvin", "okay computer", "hallo haus", "sei still")
    ]
    assert found.audio.wake.words[1].file == str(tmp_path / "words/hey_marvin.json")
    assert found.audio.wake.words[3].sensitivity == "low"


def test_without_words_the_one_word_counts() -> None:
    assert Wake("alexa").entries() == (WakeWord("alexa"),)
    assert [each.called for each in Wake("any").entries()] == [
        *("okay_nabu", "hey_jarvis", "alexa", "hey_mycroft")
    ]


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        ("[{}]", "[0]: has no word; give it word: alexa, file: marvin.json, or taught: hey marvin"),
        (
            "[{word: alexa, file: a.json}]",
            "[0].file: an entry has either word or file; make an entry of each",
        ),
        (
            "[{word: alexa}, {file: alexa.tflite}]",
            "[1]: is called alexa like audio.wake.words[0]; give it a name: of its own",
        ),
        (
            "[{word: alexa}, {word: alexa, name: echo, persona: x}]",
            "[1]: is the same word as audio.wake.words[0], which counts; leave one out",
        ),
        (
            "[{word: alexa}, {taught: halt ein}, {taught: halt ein, stop: true}]",
            "[2]: is the same word as audio.wake.words[1], which counts; leave one out",
        ),
        (
            "[{word: okay_nabu, stop: true}]",
            "[0].word: wakes as well (audio.wake.word is okay_nabu); set another word there",
        ),
        ("[{word: computer}]", "[0].word: expected okay_nabu, hey_jarvis, alexa or hey_mycroft"),
        ("[{file: marvin.onnx}]", "[0].file: expected a file that ends in .json or .tflite"),
        ("[{word: alexa, sensitivity: 0.9}]", "[0].sensitivity: expected low, normal or high"),
        ("[{taught: 'a/b'}]", "[0].taught: expected letters, digits, spaces, _ and -"),
        (
            "[{word: alexa}, {taught: halt ein, stop: true, persona: x}]",
            "[1].persona: a stop is answered by nobody; leave persona or stop out",
        ),
        (
            str([{"word": "alexa"}] * 17).replace("'", ""),
            ": expected 16 words at most, got 17",
        ),
    ],
)
def test_a_mistake_is_named_with_the_remedy(words: str, wrong: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(f"{LISTEN}    words: {words}\n")
    found = [each.partition("audio.wake.words")[2] for each in refused.value.problems]
    assert found[0].startswith(wrong), found


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (
            f"{LISTEN}    word: alexa\n    words: [{{word: hey_jarvis}}]\n",
            "4: audio.wake.word: is not used: the words are those of audio.wake.words; leave it "
            "out",
        ),
        (
            "audio: {wake: {words: [{word: alexa}]}}\n",
            "1: audio.wake.words: are not listened for: audio.listen is open, not wake_word",
        ),
    ],
)
def test_what_has_no_effect_is_said(text: str, warning: str) -> None:
    assert parse(text).warnings == (f"config.yaml:{warning}",)


def test_a_word_that_stops_may_be_the_one_that_would_wake_if_any_did() -> None:
    stop = "{wake: {words: [{word: okay_nabu, stop: true}]}}"
    assert parse(f"audio: {stop}\n").audio.wake.words[0].stop


def test_where_every_word_is_a_stop_the_usual_one_wakes() -> None:
    settings = parse(f"{LISTEN}    words: [{{taught: halt ein, stop: true}}]\n")
    assert [each.called for each in settings.audio.wake.entries()] == ["okay_nabu", "halt ein"]
