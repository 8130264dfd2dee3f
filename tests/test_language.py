"""What the daemon says in English, in the languages of the page."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import product
from pathlib import Path

import pytest

from rtaudio_daemon import language
from rtaudio_daemon.language import reasons, setup_line, translated, words

PACKAGE = Path(language.__file__).parent
MODULES = [
    path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.relative_to(PACKAGE).parts[0] not in ("cli", "config", "simulator", "testing.py")
]
"""Whose sentences the page may show."""
SETUP = [
    PACKAGE / "cli" / "setup" / f"{each}.py" for each in ("steps", "asking", "guide", "terminal")
]


@pytest.mark.parametrize(
    ("said", "german"),
    [
        ("PortAudio finds no sound device", "PortAudio findet kein Audiogerät"),
        (
            "cannot reach x.openai.azure.com: no route (to it)",
            "x.openai.azure.com ist nicht zu erreichen: no route (to it)",
        ),
        (
            "no microphone is called '{a}'; there is 'b', 'c'",
            "kein Mikrofon heißt '{a}'; da ist 'b', 'c'",
        ),
        (
            "a.example refused the connection with HTTP 401: no (way) "
            "(check api_key and host_name)",
            "a.example hat die Verbindung mit HTTP 401 abgelehnt: no (way) "
            "(prüfe api_key und host_name)",
        ),
        (
            "the service closed the connection (1006: gone)",
            "der Dienst hat die Verbindung beendet (1006: gone)",
        ),
        (
            "the service closed the connection (1006)",
            "der Dienst hat die Verbindung beendet (1006)",
        ),
        (
            "not answered: the connection was lost for too long",
            "nicht beantwortet: die Verbindung war zu lange weg",
        ),
        (
            "not said: not answered: something new",
            "nicht gesagt: nicht beantwortet: something new",
        ),
        ("something new", "something new"),
        ("the audio process ended early", "the audio process ended early"),
        ("", ""),
    ],
)
def test_what_is_known_is_translated_and_all_else_stays(said: str, german: str) -> None:
    assert translated(said, words("de")) == german
    assert translated(said, words()) == said


def test_english_needs_no_table() -> None:
    assert reasons("en") == []
    assert ("the audio process ended", "der Audioprozess ist zu Ende") in reasons("de")


@pytest.mark.parametrize(
    ("said", "german"),
    [
        ("--- 2 of 6: Microphone", "--- 2 von 6: Mikrofon"),
        ("Which service? [azure]", "Welcher Dienst? [azure]"),
        ("simulator; does not work yet", "simulator; geht noch nicht"),
        (
            "ok    microphone: Jabra: 2 hears the room at -61 dBFS",
            "ok    Mikrofon: Jabra: 2 hört den Raum mit -61 dBFS",
        ),
        (
            "WARN  devices: 0 microphones, 0 loudspeakers: PortAudio finds no sound device",
            "WARN  Geräte: Mikrofone: 0, Lautsprecher: 0; PortAudio findet kein Audiogerät",
        ),
        (
            "      -> raise the capture level: alsamixer -V capture",
            "      -> den Aufnahmepegel erhöhen: alsamixer -V capture",
        ),
        ("FAIL  new: something new", "FAIL  new: something new"),
        ("WARN  there is no microphone", "WARN  es ist kein Mikrofon da"),
        (
            "FAIL  cannot reach x.example: no route",
            "FAIL  x.example ist nicht zu erreichen: no route",
        ),
        (f"x{'; does not work yet' * 500}", None),
        (": " * 2000, None),
        ("", ""),
    ],
)
def test_what_the_first_run_says_is_translated_by_its_parts(said: str, german: str | None) -> None:
    if german is not None:
        assert setup_line(said, words("de")) == german
    assert setup_line(said, words()) == said


def test_everything_that_the_first_run_asks_has_its_words() -> None:
    found = [each for path in SETUP for each in texts(without_descriptions(path))]
    pieces = {piece for each in found if len(each) > 1 for piece in each}
    asked = {
        "x".join(each).removesuffix(": ")
        for each in found
        if each[0] not in pieces or len(each) > 1
    }
    asked = {each.strip("\n") for each in asked}
    sentences = {each for each in asked if re.match(r"[A-Za-z].* .*[a-z]", each)}
    assert len(sentences) > 40
    names = {"Azure OpenAI", "Azure Voice Live", "Home Assistant"}
    of_terminals = {
        "x (y/n)",
        "Next: x",
        "script/run status",
        "setup -c x",
        "x setup -c x",
        "x run -c x",
        "x is written; it uses the built-in service. Next: x",
        "x is there already, with just that. Next: x",
        "x is there already, and stays as it is; `setup` without --defaults changes it, or name "
        "another file with -c FILE",
    }
    marks = {"WARN  x", "FAIL  x"}
    same = {each for each in sentences if setup_line(each, words("de")) == each}
    assert same == names | of_terminals | marks


def without_descriptions(path: Path) -> ast.AST:
    """What a module does, without what it says of itself."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [each for each in node.body if not is_text(each)] or [ast.Pass()]
    return tree


def is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


@pytest.mark.parametrize("english", [english for english, _ in reasons("de")])
def test_the_daemon_says_each_of_the_sentences_that_are_translated(english: str) -> None:
    sample = re.sub(r"{\w+}", "x", english)
    assert any(pattern.search(sample) for pattern in sentences()), english


@cache
def sentences() -> list[re.Pattern[str]]:
    """Every text in the code that may be a reason, with anything in its places."""
    found = [pieces for path in MODULES for pieces in texts(ast.parse(path.read_text()))]
    return [
        re.compile(".*".join(map(re.escape, pieces)))
        for pieces in found
        if sum(map(len, pieces)) >= len("not said: ")
    ] + [re.compile(f"^{re.escape(pieces[0])}$") for pieces in found if len(pieces) == 1]


def texts(tree: ast.AST) -> Iterator[list[str]]:
    """The fixed pieces of each text; what stands between them is filled in."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [each.value if isinstance(each, ast.Constant) else "" for each in node.values]
            yield [str(each) for each in parts]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield [node.value]


REPORTS = {
    "AnswerGivenUp",
    "DeviceError",
    "ErrorReported",
    "HandshakeError",
    "MicrophoneClosed",
    "NotConnectedError",
    "NotFoundError",
    "NotNowError",
    "ServiceError",
    "WrongValueError",
    "close_question",
    "drop_what_is_to_be_said",
    "give_up_owed",
    "not_answered",
    "not_said",
    "sound_not_played",
}
"""What takes a reason that people may be given. A `ToolError` is for the model to read."""
JOINED = {
    "x x": "bell.wav is not a WAV file with PCM samples: no such chunk",
    "x; x": "there is no microphone; card 1 (Jabra) is there, but does not open now: does another "
    "program use it? (`fuser -v /dev/snd/*`)",
    "there is no x": "there is no loudspeaker",
    "there is x": "no microphone is plugged in at usb:1-2; there is usb:1-1 (Jabra)",
    "no x on USB is found": "no microphone is plugged in at usb:1-2; no microphone on USB is found",
    "no x is called x; x": "no microphone is called 'Jabra'; there is 'Webcam'",
    "x (x)": "Entra ID gave no token: no account (give this machine an identity, or set "
    "AZURE_TENANT_ID, AZURE_CLIENT_ID and a secret)",
    "x: x": "nothing is called 'pasta': nothing is set",
    "x is no model of TensorFlow Lite but ; download it again (as raw file)": "a is no model of "
    "TensorFlow Lite but an empty file; download it again (as raw file)",
    "x is x file, which needs a package that is not installed; run: x": "a is an MP3 file, which "
    "needs a package that is not installed; run: pip install soundfile",
    "the MQTT broker is awayx": "the MQTT broker is away: refused",
    "Entra ID gave no token: x": "Entra ID gave no token within 20 s",
}
"""Sentences that the code puts together of parts, with one of them in whole."""
ENGLISH = {
    "no session within x s: x": "only the library says it",
    "the client was closed while it connected": "only the library says it",
    "no session in time": "only systemd's status line and the log have it",
}
"""Sentences that no page shows, with the cause."""


def test_each_reason_that_the_code_can_give_has_its_german_words() -> None:
    given = {each for path in MODULES for each in reasons_in(ast.parse(path.read_text()))}
    assert len(given) > 120
    assert {each for each in given if translated(each, words("de")) == each} == {*JOINED, *ENGLISH}


@pytest.mark.parametrize("whole", JOINED.values())
def test_a_reason_that_is_joined_of_parts_is_german_too(whole: str) -> None:
    assert translated(whole, words("de")) != whole


def reasons_in(tree: ast.Module) -> Iterator[str]:
    """What is given to `REPORTS` in a module, with x for what only the running program knows."""
    constants = values_in(tree.body)
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        known = constants | values_in(ast.walk(function))
        for call in ast.walk(function):
            if isinstance(call, ast.Call) and called(call) in REPORTS:
                wanted = [each.value for each in call.keywords if each.arg != "code"]
                for each in (*call.args, *wanted):
                    yield from (found for found in spelled(each, known) if " " in found)


def values_in(statements: Iterable[ast.AST]) -> dict[str, list[ast.expr]]:
    """What each name stands for."""
    found: dict[str, list[ast.expr]] = {}
    for each in statements:
        if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name):
            found.setdefault(each.targets[0].id, []).append(each.value)
    return found


def called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def spelled(value: ast.expr, known: dict[str, list[ast.expr]]) -> list[str]:
    """The texts that an expression may be; none if it is no text."""
    match value:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.Name(id=name):
            others = {each: values for each, values in known.items() if each != name}
            return [each for one in known.get(name, ()) for each in spelled(one, others)]
        case ast.IfExp():
            return spelled(value.body, known) + spelled(value.orelse, known)
        case ast.FormattedValue(value=inner):
            return spelled(inner, known) or ["x"]
        case ast.JoinedStr():
            parts = [spelled(each, known) for each in value.values]
            return ["".join(each) for each in product(*parts)]
        case _:
            return []
