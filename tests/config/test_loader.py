"""The settings: what is read, what is refused and in which words, and what is generated."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio_daemon.config import Config, Secret, describe, load, parse, redacted
from rtaudio_daemon.errors import ConfigError

ROOT = Path(__file__).parents[2]
CORPUS = Path(__file__).parent.parent / "config_corpus"
BROKEN = sorted(path.stem for path in CORPUS.glob("*.yaml"))
AZURE = """
realtime:
  profile: azure
  host_name: example.openai.azure.com
  deployment: gpt-realtime
  api_key: {key}
"""


def problems(text: str, file: str = "config.yaml") -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse(text, file)
    return caught.value.problems


def outcome(read: Callable[[], Config]) -> tuple[Config | None, tuple[str, ...]]:
    """The configuration, or None and what is wrong with it."""
    try:
        return read(), ()
    except ConfigError as error:
        return None, error.problems


def write(folder: Path, **files: str) -> str:
    for name, text in files.items():
        path = folder / f"{name}.yaml"
        path.write_text(text)
        path.chmod(0o600)
    return str(folder / "config.yaml")


def test_every_default_passes_its_own_check() -> None:
    for each in describe():
        if each.check is not None and each.default is not None:
            assert each.check(each.default) == each.default, each.path


def test_every_option_has_a_meaning() -> None:
    assert all(each.meaning for each in describe())


# ------------------------------------------------------------------- what is refused


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_configuration_is_explained(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CORPUS)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(ConfigError) as caught:
        load(f"{name}.yaml")
    expected = (CORPUS / f"{name}.expected").read_text().splitlines()
    assert list(caught.value.problems) == expected


def test_no_explanation_in_the_corpus_shows_what_might_be_a_key() -> None:
    texts = [path.read_text() for path in CORPUS.glob("*.expected")]
    assert len(texts) == len(BROKEN) >= 20
    assert not any(word in text for text in texts for word in ("TOP", "SECRET", "77777"))


def test_a_missing_file_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^there is no file .*/none\.yaml$"):
        load(tmp_path / "none.yaml")


def test_a_folder_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^/.* is a folder, expected a file$"):
        load(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_a_configuration_error(tmp_path: Path) -> None:
    file = write(tmp_path, config="")
    os.chmod(file, 0)
    with pytest.raises(ConfigError, match="may not be read by this user"):
        load(file)


def test_a_file_that_cannot_be_read_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="cannot be read: Input/output error"):
        load("/proc/self/mem")


def test_a_name_that_no_file_can_have_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="cannot be read: no such name"):
        load("a\0b")


def test_a_file_without_end_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="too large"):
        load("/dev/zero")


def test_aliases_that_stand_for_billions_of_values_are_refused() -> None:
    rows = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40)]
    text = "realtime:\n  session:\n    extra:\n" + "\n".join(f"      {row}" for row in rows)
    assert problems(text)[0] == "config.yaml:1: nested too deeply"


def test_a_thousand_brackets_are_refused() -> None:
    assert problems("audio: " + "[" * 1000) == ("config.yaml:1: nested too deeply",)


def test_a_problem_of_another_module_can_name_file_and_line() -> None:
    config = parse("http:\n  port: 1\n", "here.yaml")
    assert config.problem("http.port", "is taken") == "here.yaml:2: http.port: is taken"
    assert config.problem("http.host", "is odd") == "here.yaml:1: http.host: is odd"
    assert Config().problem("http.port", "is taken") == "config.yaml:1: http.port: is taken"


# ------------------------------------------------------------------- what is accepted


@pytest.mark.parametrize("text", ["", "# nothing\n", "realtime:\naudio:\n  gate:\nhttp: ~\n"])
def test_nothing_means_the_defaults(text: str) -> None:
    assert parse(text) == Config()


@pytest.mark.parametrize("word", ["yes", "on", "true", "Yes", "'ON'"])
def test_yes_has_many_spellings(word: str) -> None:
    assert parse(f"http: {{publish_transcripts: {word}}}").http.publish_transcripts is True


def test_numbers_may_be_spelled_as_text_and_words_in_capitals() -> None:
    config = parse("{http: {port: '1234'}, audio: {output: {volume: 1}}, logger: {default: INFO}}")
    assert config.http.port == 1234
    assert (config.audio.output.volume, type(config.audio.output.volume)) == (1.0, float)
    assert config.logger.default == "info"


def test_sections_are_frozen() -> None:
    config = parse("")
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.http.port = 1  # type: ignore[misc]


def test_anchors_and_merges_work_and_own_settings_win() -> None:
    text = "audio:\n  input: &mine {device: desk}\n  output:\n    <<: *mine\n    volume: 0.5\n"
    output = parse(text).audio.output
    assert (output.device, output.volume) == ("desk", 0.5)


def test_extra_is_taken_as_it_stands() -> None:
    text = "realtime: {session: {extra: {on: [1, 2.5, null, {a: b}], day: 2026-01-01}}}"
    extra = parse(text).realtime.session.extra
    assert extra == {"on": [1, 2.5, None, {"a": "b"}], "day": "2026-01-01"}
    assert json.dumps(extra)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.0.0.2", "::1"])
def test_this_machine_has_many_addresses(host: str) -> None:
    assert parse(f"http: {{host: '{host}'}}").http.host == host


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "kitchen.local"])
def test_an_address_that_others_reach_needs_a_long_token(host: str) -> None:
    long, short = "a" * 32, "a" * 31
    assert parse(f"http: {{host: '{host}', token: {long}}}").http.token.reveal() == long
    for token in ("", f", token: {short}", f", token: {long}, read_token: {short}"):
        found = problems(f"http: {{host: '{host}'{token}}}")
        assert "32 characters or more" in found[0]
        assert long not in found[0]
        assert short not in found[0]


def test_a_token_to_read_is_another_one_and_never_stands_alone() -> None:
    assert "set that one too" in problems("http: {read_token: abc}")[0]
    assert "must differ" in problems("http: {token: abc, read_token: abc}")[0]
    assert parse("http: {token: abc, read_token: abd}").http.read_token


@pytest.mark.parametrize(
    "text",
    [
        "{profile: azure, host_name: x.openai.azure.com, deployment: d, api_key: k}",
        "{profile: azure, host_name: 'ws://127.0.0.1:8771', deployment: d, auth: none}",
        "{profile: azure-preview, host_name: x, deployment: d, api_key: k, "
        "api_version: 2025-04-01-preview}",
        "{profile: openai, deployment: gpt-realtime, api_key: k, auth: bearer}",
        "{profile: compatible, url: 'ws://127.0.0.1:9/v1/realtime?model=x'}",
        "{profile: compatible, url: 'wss://[::1]:9'}",
    ],
)
def test_a_complete_profile_is_accepted(text: str) -> None:
    assert parse(f"realtime: {text}").realtime.profile in text


# ------------------------------------------------------------------- tags


def test_a_secret_comes_from_the_file_beside_as_it_is_written(tmp_path: Path) -> None:
    file = write(tmp_path, config=AZURE.format(key="!secret api_key"), secrets="api_key: 007")
    config = load(file)
    assert config.realtime.api_key.reveal() == "007"
    assert config.warnings == ()


def test_a_secret_of_an_included_file_comes_from_beside_it_or_above(tmp_path: Path) -> None:
    deep = tmp_path / "parts" / "deep"
    deep.mkdir(parents=True)
    main = "realtime: {session: !include parts/deep/session.yaml}"
    file = write(tmp_path, config=main, secrets="name: above")
    write(deep, session="instructions: !secret name\n")
    assert load(file).realtime.session.instructions == "above"
    write(deep.parent, secrets="name: nearer")
    assert load(file).realtime.session.instructions == "nearer"


def test_secrets_above_the_configuration_are_not_looked_at(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    write(tmp_path, secrets="api_key: abc")
    file = write(tmp_path / "etc", config="realtime: {api_key: !secret api_key}")
    with pytest.raises(ConfigError, match=r"there is no .*/etc/secrets\.yaml"):
        load(file)


def test_an_unknown_secret_names_those_there_are_but_not_what_was_asked(tmp_path: Path) -> None:
    text = "realtime: {api_key: !secret sk-oops}"
    file = write(tmp_path, config=text, secrets="azure: a\nopenai: b")
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert caught.value.problems[0].endswith("secrets.yaml; it has azure, openai")


@pytest.mark.parametrize("secrets", ["- sk-oops", "a: [sk-oops]", "a: {b: sk-oops}", "a: 'sk-oops"])
def test_a_secrets_file_that_is_none_is_refused_without_showing_it(
    tmp_path: Path, secrets: str
) -> None:
    file = write(tmp_path, config="realtime: {api_key: !secret a}", secrets=secrets)
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert "must hold lines of `NAME: value` and nothing else" in str(caught.value)
    assert "oops" not in str(caught.value)


def test_an_environment_variable_may_be_a_number_or_have_a_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RTAUDIO_PORT", "1234")
    text = "http: {port: !env_var RTAUDIO_PORT, host: !env_var RTAUDIO_NEVER_SET 127.0.0.1}"
    http = parse(text).http
    assert (http.port, http.host) == (1234, "127.0.0.1")
    text = "realtime: {session: {instructions: !env_var RTAUDIO_NEVER_SET two words}}"
    assert parse(text).realtime.session.instructions == "two words"
    text = 'realtime:\n  deployment: !env_var RTAUDIO_NEVER_SET ""'
    assert parse(text).realtime.deployment == ""


def test_a_credential_comes_from_systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "api_key").write_text("abc\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert parse(AZURE.format(key="!credential api_key")).realtime.api_key.reveal() == "abc"
    assert "no such credential" in problems("realtime: {api_key: !credential other}")[0]
    assert "holds no folder" in problems("realtime: {api_key: !credential ../api_key}")[0]


def test_without_systemd_a_credential_is_the_file_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    (tmp_path / "api_key").write_text("abc\n")
    file = str(tmp_path / "config.yaml")
    text = AZURE.format(key="!credential api_key")
    assert parse(text, file).realtime.api_key.reveal() == "abc"
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "use sudo" in problems(text, file)[0]


def test_an_include_through_a_link_does_not_leave_the_folder(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "outside.yaml").write_text("port: 1")
    (tmp_path / "etc" / "link.yaml").symlink_to(tmp_path / "outside.yaml")
    with pytest.raises(ConfigError, match="a file in the folder of the configuration"):
        load(write(tmp_path / "etc", config="http: !include link.yaml"))


# ------------------------------------------------------------------- secrets stay secret


def test_a_secret_shows_in_no_form() -> None:
    config = parse("realtime: {api_key: hunter2}")
    key = config.realtime.api_key
    forms = (
        repr(config),
        str(config),
        f"{key}",
        f"{key:>20}",
        str(key),
        repr(key),
        "".join([str(key)]),
    )
    assert not any("hunter2" in form for form in forms)
    assert "hunter2" not in json.dumps(redacted(config))
    assert key.reveal() == "hunter2"
    assert (repr(Secret("")), str(Secret(""))) == ("''", "")


def test_the_redacted_settings_are_json_and_hide_what_may_hold_a_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RTAUDIO_HIDDEN", "hunter2")
    config = parse(
        "realtime:\n  profile: compatible\n  url: wss://me:hunter2@host.example/x?key=hunter2\n"
        "  session:\n    extra:\n      tools: [{authorization: hunter2, name: a}]\n"
        "      note: !env_var RTAUDIO_HIDDEN\n"
    )
    shown = redacted(config)
    assert "hunter2" not in json.dumps(shown)
    assert shown["realtime"]["url"] == "wss://host.example/x?**"
    assert shown["realtime"]["session"]["extra"]["tools"] == [{"authorization": "**", "name": "a"}]
    assert set(shown) == {
        "realtime",
        "audio",
        "tools",
        "home_assistant",
        "mqtt",
        "personas",
        "http",
        "hooks",
        "logger",
    }


@pytest.mark.parametrize("each", [each for each in describe() if each.check], ids=lambda o: o.path)
def test_a_secret_in_the_wrong_place_is_not_shown(each: Any, tmp_path: Path) -> None:
    text = "".join(f"{'  ' * depth}{step}:\n" for depth, step in enumerate(each.steps[:-1]))
    text += f"{'  ' * (len(each.steps) - 1)}{each.steps[-1]}: !secret s\n"
    file = write(tmp_path, config=text, secrets='s: "a-zur hunter2"')
    config, found = outcome(lambda: load(file))
    said = found if config is None else config.warnings
    assert "hunter2" not in str(said)
    assert config or f":{len(each.steps)}: {each.path}: " in found[0]


def test_a_long_word_in_the_wrong_place_is_not_shown() -> None:
    key = "0123456789abcdef0123456789abcdef"
    found = problems(f"realtime: {{profile: {key}}}")
    assert key not in found[0]
    assert found[0].endswith("azure-voice-live, openai or compatible")


def test_a_key_in_the_configuration_itself_is_warned_about(tmp_path: Path) -> None:
    file = write(tmp_path, config=AZURE.format(key="abc"))
    os.chmod(file, 0o644)
    assert load(file).warnings == (
        f"{file}:6: realtime.api_key: the key itself stands here; "
        "put it into secrets.yaml and write !secret api_key",
        f"{file}:1: holds a secret that other users can read; run: chmod 600 {file}",
    )


def test_a_secrets_file_that_others_can_read_is_warned_about(tmp_path: Path) -> None:
    file = write(tmp_path, config=AZURE.format(key="!secret a"), secrets="a: b")
    secrets = tmp_path / "secrets.yaml"
    secrets.chmod(0o640)
    assert load(file).warnings == (
        f"{secrets}:1: holds a secret that other users can read; run: chmod 600 {secrets}",
    )


def test_a_setting_that_json_cannot_express_is_refused_wherever_it_hides() -> None:
    text = "realtime:\n  session:\n    extra:\n      a: [1, {b: .inf}]\n"
    (found,) = problems(text)
    assert found.startswith("config.yaml:4: realtime.session.extra.a[1].b: expected something")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("realtime: {session: {extra: 5}}", "expected a group of `name: value` lines, got 5"),
        ("logger: {logs: [a]}", "expected a group of `name: value` lines, got a list"),
        ("audio: {gate: {threshold: yes}}", "from 0 to 1, got a yes/no value"),
        ("audio: {gate: {start_ms: {a: 1}}}", "from 0 to 5000, got a group of settings"),
        ("realtime: {profile: ''}", "openai or compatible, got ''"),
        ("audio: {input: {device: ' '}}", "usb:BUSPATH or wav:PATH"),
        ("? [a]\n: b", "expected a name before the colon"),
        ("<<: [a]", "<< takes a group of settings"),
        ("realtime: {deployment: !!int x}", "cannot be read as a value; put it in quotes"),
        ("realtime: {deployment: !!binary x}", "unknown tag"),
        ("realtime: {deployment: !!set {x}}", "unknown tag"),
        ('realtime: !include "a\\0b"', "cannot be a file's name"),
        ("tools: {confirm: [{}]}", "an entry that gives nothing would concern every call"),
        ("tools: {deny: [{domain: lock}, {tool: ''}]}", "would concern every call"),
    ],
)
def test_odd_values_are_refused_with_a_remedy(text: str, what: str) -> None:
    (found,) = problems(text)
    assert found.startswith("config.yaml:1: ")
    assert what in found


def test_a_secrets_file_may_be_empty_but_not_unreadable(tmp_path: Path) -> None:
    file = write(tmp_path, config="realtime: {api_key: !secret a}", secrets="# none yet")
    assert outcome(lambda: load(file))[1][0].endswith(
        "no secret of this name in " + str(tmp_path / "secrets.yaml")
    )
    (tmp_path / "secrets.yaml").write_bytes(b"a: \xff")
    (found,) = outcome(lambda: load(file))[1]
    assert found.endswith(
        "secrets.yaml:1: realtime.api_key: is not UTF-8 text; save the file as UTF-8"
    )


@pytest.mark.parametrize("place", ["{}", "{{audio: {{input: {}}}}}"])
def test_a_service_that_stops_answers_although_they_may_play_on_is_named(place: str) -> None:
    on = place.format("{turn_detection: {interrupt_response: true}}")
    text = f"realtime: {{session: {{extra: {on}}}}}\n"
    (found,) = parse(text).warnings
    assert found.startswith("config.yaml:1: realtime.session.extra: with interrupt_response the ")
    assert parse(f"{text}audio: {{gate: {{resume: false}}}}\n").warnings == ()


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        ("tools: {confirm: [{domain: oven}]}", True),
        ("tools: {own: [{name: a, description: b, program: c, confirm: yes}]}", True),
        ("tools: {mcp: {nas: {url: http://127.0.0.1/mcp, confirm: ['delete_*']}}}", True),
        ("tools: {mcp: {nas: {url: http://127.0.0.1/mcp}}}", True),
        ("tools: {mcp: {nas: {url: http://127.0.0.1/mcp}}, confirm: []}", False),
        ("home_assistant: {url: http://127.0.0.1:8123, token: !env_var TOKEN abc}", True),
        (
            "home_assistant: {url: http://127.0.0.1:8123, token: !env_var TOKEN abc}\n"
            "tools: {home_assistant: no}",
            False,
        ),
        ("tools: {own: [{name: a, description: b, program: c}]}", False),
        ("tools: {confirm: []}", False),
        ("tools: {deny: [{domain: oven}]}", False),
    ],
)
def test_calls_that_need_a_yes_where_nobody_can_say_it_are_warned_about(
    text: str, warned: bool
) -> None:
    found = [each for each in parse(text).warnings if "nobody can say yes" in each]
    assert len(found) == warned
    assert all(each.startswith("config.yaml:1: tools.confirm: ") for each in found)
    for session in (
        "{transcription: {model: whisper-1}}",
        "{extra: {audio: {input: {transcription: {model: whisper-1}}}}}",
    ):
        heard = parse(f"{text}\nrealtime: {{session: {session}}}")
        assert not any("nobody can say yes" in each for each in heard.warnings)


def test_an_address_that_is_not_used_and_a_key_in_the_clear_are_warned_about() -> None:
    (warning,) = parse("realtime:\n  url: wss://x").warnings
    assert warning == "config.yaml:2: realtime.url: is not used: only profile compatible has a url"
    text = "realtime:\n  profile: compatible\n  url: ws://{}/\n  api_key: abc"
    assert any("use wss://" in each for each in parse(text.format("10.0.0.1")).warnings)
    assert not any("use wss://" in each for each in parse(text.format("127.0.0.1")).warnings)


# ------------------------------------------------------------------- anything at all

_words = st.sampled_from(
    [step for each in describe() for step in each.steps]
    + ["<<", "!secret a", "!include a", "!env_var A", "&a", "*a", "azure", "none", ".nan", "0x"]
)
_lines = st.lists(
    st.tuples(st.integers(0, 4), _words, _words | st.text(max_size=8)).map(
        lambda t: f"{'  ' * t[0]}{t[1]}: {t[2]}"
    ),
    max_size=8,
).map("\n".join)
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_words, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300)
@given(st.text() | _lines | _values.map(lambda value: json.dumps(value)))
def test_no_text_raises_anything_but_a_configuration_error(text: str) -> None:
    config, found = outcome(lambda: parse(text))
    if config is not None:
        assert json.loads(json.dumps(redacted(config), allow_nan=False)) == redacted(config)
    else:
        assert found
        assert all(each.startswith("config.yaml:") for each in found)


@settings(max_examples=100)
@given(st.binary(max_size=60))
def test_no_bytes_raise_anything_but_a_configuration_error(
    tmp_path_factory: Any, raw: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "config.yaml"
    file.write_bytes(raw)
    config, found = outcome(lambda: load(file))
    assert config or found


@pytest.mark.skipif(find_spec("probatio") is None, reason="Probatio needs Python 3.12")
def test_the_successor_of_voluptuous_gives_the_same_answers() -> None:
    code = (
        "from probatio.compat import install_as_voluptuous as i; i()\n"
        "from rtaudio_daemon.config import *\nimport sys\n"
        "assert load('config.yaml') == Config()\n"
        "try: load('tests/config_corpus/everything_at_once.yaml')\n"
        "except Exception as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    expected = (CORPUS / "everything_at_once.expected").read_text()
    assert done.stdout.replace("tests/config_corpus/", "") == expected
