"""Mistakes that people make in the settings: each is named where it stands, with a remedy."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from rtaudio_daemon.config import Config, load, load_again, parse, redacted
from rtaudio_daemon.config.file_reading import read_bounded
from rtaudio_daemon.daemon import log
from rtaudio_daemon.errors import ConfigError

TOKEN = "correct-horse-battery-staple-0001"


def problems(text: str, file: str = "config.yaml") -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse(text, file)
    return caught.value.problems


def written(folder: Path, config: str, secrets: str | None = None) -> str:
    for name, text in (("config.yaml", config), ("secrets.yaml", secrets)):
        if text is not None:
            (folder / name).write_text(text)
            (folder / name).chmod(0o600)
    return str(folder / "config.yaml")


# ------------------------------------------------------------------- secrets fail closed


@pytest.mark.parametrize(
    "line",
    [
        "voice: !Abcdefgh1234",
        "voice: &Abcdefgh1234",
        "voice: #Abcdefgh1234",
        "voice:",
        "voice: ~",
        "voice: null",
        "voice: ''",
        "voice: '  '",
        "voice: !!binary abc",
        "voice: !secret voice",
    ],
)
@pytest.mark.parametrize("option", ["http.token", "http.read_token", "realtime.api_key"])
def test_a_secret_that_yaml_swallows_is_a_mistake(tmp_path: Path, option: str, line: str) -> None:
    section, name = option.split(".")
    text = f"{section}:\n  {name}: !secret voice\n"
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, text, f"# keys\n{line}\n"))
    (found,) = (each for each in caught.value.problems if option in each)
    assert found.startswith(f"{tmp_path / 'secrets.yaml'}:2: {option}: no value is left")
    assert "put the value in quotes" in found
    assert "Abc" not in found


@pytest.mark.parametrize("value", ["!Abcdefgh1234", "@Abcdefgh1234", "*Abcdefgh", "[Abc", "%Abc"])
def test_a_secret_that_breaks_its_file_says_the_line_and_to_use_quotes(
    tmp_path: Path, value: str
) -> None:
    file = written(tmp_path, "http: {token: !secret voice}", f"other: x\nvoice: {value}\n")
    with pytest.raises(ConfigError) as caught:
        load(file)
    (found,) = caught.value.problems
    assert "quote" in found
    assert "Abc" not in found
    assert "line 2" in found or "secrets.yaml:2" in found


def test_a_secret_given_twice_is_a_mistake(tmp_path: Path) -> None:
    file = written(tmp_path, "http: {token: !secret voice}", f"voice: {TOKEN}\na: b\nvoice: x\n")
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert caught.value.problems == (
        f"{tmp_path / 'secrets.yaml'}:3: http.token: given twice, first in line 1; "
        "keep one of them",
    )


@pytest.mark.parametrize("value", ["", "  ", "\n"])
def test_an_empty_variable_is_a_mistake(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("RTAUDIO_EMPTY", value)
    for text in (
        "http: {token: !env_var RTAUDIO_EMPTY}",
        'http:\n token: !env_var RTAUDIO_EMPTY ""',
    ):
        (found,) = problems(text)
        assert "http.token: the environment variable is set, but empty" in found


@pytest.mark.parametrize(
    "value", ["", "~", "null", "&Abcdefgh", "#Abcdefgh", '!env_var RTAUDIO_NEVER_SET ""']
)
@pytest.mark.parametrize("option", ["http.token", "http.read_token", "realtime.api_key"])
def test_a_token_that_yields_nothing_is_a_mistake(option: str, value: str) -> None:
    section, name = option.split(".")
    (found,) = problems(f"{section}:\n  {name}: {value}\n")
    assert found.startswith(f"config.yaml:2: {option}: nothing is left of what was written here")
    assert 'write "" where none is wanted' in found


def test_an_empty_credential_is_a_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "token").write_text(" \n")
    assert "no such credential, or it is empty" in problems("http: {token: !credential token}")[0]


def test_no_token_at_all_is_a_choice() -> None:
    assert parse('http:\n  token: ""\n').http.token == ""


@pytest.mark.parametrize("option", ["realtime.api_key", "http.token"])
def test_the_key_of_the_example_is_a_mistake(option: str) -> None:
    section, name = option.split(".")
    (found,) = problems(f"{section}: {{{name}: '0123456789abcdef'}}")
    assert found.endswith("; write your own")


def test_the_host_of_the_example_is_a_mistake() -> None:
    text = "realtime: {profile: azure, host_name: RESOURCE.openai.azure.com, deployment: d, "
    (found,) = problems(text + "api_key: k}")
    assert "instead of RESOURCE" in found


# ------------------------------------------------------------------- half-written files


def test_a_reload_waits_until_the_file_is_written(tmp_path: Path) -> None:
    """An editor that saves in place: for a moment there is a valid beginning without the token."""
    whole = f"logger: {{default: info}}\nhttp:\n  port: 0\n  token: {TOKEN}\n"
    file = written(tmp_path, whole[:30])

    def save_the_rest() -> None:
        time.sleep(0.2)
        written(tmp_path, whole)

    saving = threading.Thread(target=save_the_rest)
    saving.start()
    assert load_again(file).http.token.reveal() == TOKEN
    saving.join()


def test_a_reload_takes_no_token_away(tmp_path: Path) -> None:
    both = parse(f"http: {{token: {TOKEN}, read_token: {TOKEN}x}}")
    file = written(tmp_path, "http:\n  port: 1\n")
    with pytest.raises(ConfigError) as caught:
        load_again(file, both)
    assert [each.split(": ")[1] for each in caught.value.problems] == [
        "http.token",
        "http.read_token",
    ]
    assert "restart the daemon" in str(caught.value)
    written(tmp_path, f"http: {{token: {TOKEN}new}}")
    assert load_again(file, both).http.token.reveal() == f"{TOKEN}new"
    written(tmp_path, "http: {port: 1}")
    assert load_again(file, Config()).http.port == 1


@pytest.mark.parametrize("text", ["", "\n", "# only words\n"])
def test_an_emptied_file_is_no_reload_and_a_warning_at_the_start(tmp_path: Path, text: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(ConfigError, match="holds no settings; nothing is changed"):
        load_again(file, Config())
    (warning,) = load(file).warnings
    assert warning == f"{file}:1: the file holds no settings, so everything has its default"


# ------------------------------------------------------------------- values and names


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("audio: {output: {volume: 0,5}}", "audio.output.5: there is no such option; a decimal"),
        ("audio: {output: {volum: }}", "audio.output.volum: there is no such option; did you mean"),
        ("audio: {volume: 0.5}", "did you mean audio.output.volume or audio.earcons.volume?"),
        ("voice: echo", "did you mean realtime.session.voice or realtime.simulator.voice?"),
        ("audoi:", "audoi: there is no such option; did you mean audio?"),
        ("audio: {output: {volume: '80%'}}", "got 80%; write 0.8 instead of a percentage"),
        ("audio:\n  output:\n    volume: 0,5", "got 0,5; a decimal takes a point: write 0.5"),
        ("realtime: {budget: {daily_limit: '1,50'}}", "a decimal takes a point: write 1.50"),
        ("audio: {gate: {turn_end_ms: 600ms}}", "got 600ms; write 600 alone"),
        ("audio: {gate: {turn_end_ms: 0.6 s}}", "got 0.6 s; write 0.6 alone"),
        ("realtime: {session: {max_output_tokens: inf}}", "got inf; leave it empty for no limit"),
        ("realtime: {session: {max_output_tokens: .inf}}", "got inf; leave it empty for no limit"),
        ("realtime: {session: {temperature: 0.8}}", "below realtime.session.extra"),
        ("realtime: {model: gpt-realtime}", "goes into realtime.deployment"),
        ("audio: {gate: {turn_end_ms: 0600}}", "without leading zeros"),
        ("audio: {gate: {turn_end_ms: 10:00}}", "a plain number"),
        ("http: {port: 0x" + "f" * 5000 + "}", "a number of this size is none"),
        ('realtime: {deployment: "\\ud83d"}', "half a character"),
        ("realtime: {session: {noise_reduction: off}}", "did you mean none?"),
        ("audio: {input: {device: off}}", "did you mean none?"),
        ("audio: {earcons: {listening: no}}", "did you mean never?"),
    ],
)
def test_a_slip_of_the_pen_is_explained(text: str, words: str) -> None:
    assert words in problems(text)[0]


@pytest.mark.parametrize("word", ["off", "'off'", "Off", "no", "false"])
def test_echo_off_needs_no_quotes(word: str) -> None:
    assert parse(f"audio: {{echo: {word}}}").audio.echo == "off"


def test_files_are_looked_for_beside_the_configuration(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        "realtime: {simulator: {scenario: parts/home.yaml}}\n"
        "audio: {input: {device: 'wav:in.wav'}, output: {device: 'wav:/out.wav'}}\n",
    )
    found = load(file)
    assert found.realtime.simulator.scenario == str(tmp_path / "parts/home.yaml")
    assert found.audio.input.device == f"wav:{tmp_path / 'in.wav'}"
    assert found.audio.output.device == "wav:/out.wav"
    assert load(file).http == Config().http


# ------------------------------------------------------------------- where it is wrong


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("http:\n  port 8770\n  host: '::1'\n", 2),
        ("http:\n  port: 8770\n  token\naudio:\n", 3),
        ("http:\n  port: 8770\n  token\n\n# more\n\naudio:\n", 3),
        ('http:\n  token: "abc\n  host: "::1"\n', 2),
        ("http:\n  allowed_hosts: [a, b\n  host: '::1'\n", 2),
        ("http: {port: 1\naudio: {}\n", 1),
        ("http:\n  port: 1\n    host: x\n", 3),
        ("audio:\n    echo: auto\n  listen: open\n", 3),
        ("http:\n  port: a: b\n", 2),
    ],
)
def test_what_is_not_yaml_is_named_in_its_own_line(text: str, line: int) -> None:
    (found,) = problems(text)
    assert found.startswith(f"config.yaml:{line}: "), found


# ------------------------------------------------------------------- files that never end


def test_a_pipe_is_no_configuration(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="cannot be read: a pipe or a device that gives nothing"):
        load(tmp_path / "pipe")
    writing = os.open(tmp_path / "pipe", os.O_RDWR)
    try:
        with pytest.raises(ConfigError, match="a pipe or a device that gives nothing"):
            load(tmp_path / "pipe")
    finally:
        os.close(writing)


def test_a_pipe_that_is_written_to_is_read(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"http: {port: 1}")
    os.close(writing)
    assert load(f"/dev/fd/{reading}").http.port == 1
    os.close(reading)


def test_secrets_and_parts_may_be_no_pipes(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "secrets.yaml")
    os.mkfifo(tmp_path / "part.yaml")
    for text in ("http: {token: !secret a}", "http: !include part.yaml"):
        with pytest.raises(ConfigError, match="a pipe or a device that gives nothing"):
            load(written(tmp_path, text))


def test_merges_that_stand_for_billions_of_values_are_refused() -> None:
    rows = ["a0: &a0 {x: 1}"]
    rows += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 40)]
    text = "realtime:\n  session:\n    extra:\n" + "\n".join(f"      {row}" for row in rows)
    assert len(text) < 3000
    assert problems(text)[0] == "config.yaml:1: nested too deeply"


def test_a_file_of_many_values_is_refused() -> None:
    assert problems("- a\n" * 60_000) == ("config.yaml:1: too many values for a configuration",)


def test_a_bounded_file_is_read_whole_or_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 200_000)
    assert read_bounded(file, 200_000) == b"x" * 200_000
    with pytest.raises(OSError, match="too large"):
        read_bounded(file, 199_999)


# ------------------------------------------------------------------- what the log may hide


@pytest.mark.parametrize(
    "sentence",
    [
        "realtime.api_key: /etc/rtaudio/secrets.yaml must hold lines of `NAME: value`",
        "config.yaml:3: http.token: expected a key without spaces",
        "config.yaml:3: http.read_token: $CREDENTIALS_DIRECTORY is not set",
        "realtime.session.extra.tools[0].authorization: expected something that JSON knows",
    ],
)
def test_the_log_hides_no_sentence_of_ours(sentence: str) -> None:
    assert log.Redaction()(sentence) == sentence
    assert log.Redaction((TOKEN,))(f"http.token: {TOKEN}") == "http.token: **"


# ------------------------------------------------------------------- tools of one's own


def test_a_tool_keeps_its_secrets_hidden_and_its_program_beside_the_file(tmp_path: Path) -> None:
    text = (
        "tools:\n  python: mine.py\n  own:\n"
        "  - {name: a, description: x, http: {url: !secret hook, method: post, headers: "
        "{Authorization: !secret key}, query: {id: !secret key}, json: {a: !secret key}}}\n"
        "  - {name: b, description: x, program: [./lamp.sh, !secret key]}\n"
    )
    secrets = "key: Bearer opens every door\nhook: http://gate.local/hook/4711-0815\n"
    found = load(written(tmp_path, text, secrets))
    assert found.tools.own[1].program[0] == str(tmp_path / "lamp.sh")
    assert found.tools.python == (str(tmp_path / "mine.py"),)
    for shown in (repr(found), str(redacted(found))):
        assert "every door" not in shown
        assert "4711" not in shown


def test_an_argument_never_names_a_host() -> None:
    for url in ("http://{x}/", "http://a.{x}:80/", "https://me:pw@gate/", "{x}://gate/", "gate/x"):
        own = f'tools: {{own: {{name: a, description: x, http: {{url: "{url}"}}}}}}'
        (found,) = problems(own)
        assert found.startswith("config.yaml:1: tools.own[0].http.url: expected an address")


# ------------------------------------------------------------------------ MCP servers


_TRANSCRIBED = "realtime: {session: {transcription: {model: any}}}\n"


def test_an_mcp_server_keeps_its_secrets_hidden_and_its_program_beside_the_file(
    tmp_path: Path,
) -> None:
    text = (
        "tools:\n  mcp:\n"
        "    notes: {url: 'https://nas/mcp', headers: {Authorization: !secret key}}\n"
        "    files: {command: [./files.sh, --root, /srv], env: {TOKEN: !secret key, LEVEL: 5}}\n"
        f"{_TRANSCRIBED}"
    )
    found = load(written(tmp_path, text, "key: Bearer opens every door\n"))
    assert found.warnings == ()
    assert found.tools.mcp is not None
    notes, files = found.tools.mcp["notes"], found.tools.mcp["files"]
    assert files.command == (str(tmp_path / "files.sh"), "--root", "/srv")
    assert files.env is not None
    assert {name: value.reveal() for name, value in files.env.items()}["LEVEL"] == "5"
    assert notes.allow == ("*",)
    for shown in (repr(found), str(redacted(found))):
        assert "every door" not in shown


def test_a_key_for_an_mcp_server_that_stands_in_the_open_or_goes_there_is_warned_of() -> None:
    found = parse(
        "tools:\n  mcp:\n"
        "    a:\n      url: http://nas:8000/mcp\n      headers: {X-Token: abc, Accept: x}\n"
        "    b:\n      url: http://127.0.0.1/mcp\n      headers: {X-Token: !env_var NO abc}\n"
        "    c:\n      command: files\n      env: {API_KEY: abc}\n"
        f"{_TRANSCRIBED}"
    )
    assert found.warnings[:4] == (
        "config.yaml:4: tools.mcp.a.url: http:// sends the headers where others in the network can "
        "read them; use https:// if the server knows it",
        "config.yaml:5: tools.mcp.a.headers.X-Token: the key itself stands here; put it into "
        "secrets.yaml and write !secret x-token",
        "config.yaml:8: tools.mcp.b.headers.X-Token: the key itself stands here; put it into "
        "secrets.yaml and write !secret x-token",
        "config.yaml:11: tools.mcp.c.env.API_KEY: the key itself stands here; put it into "
        "secrets.yaml and write !secret api_key",
    )


def test_mistakes_of_mcp_servers_name_the_server_and_the_remedy() -> None:
    servers = (
        "    a: {url: nas/mcp}\n    b: {}\n    c: {url: 'http://x/', command: y, env: {'a b': 1}}\n"
        "    d: {url: 'http://x:99999/', env: {A: 1}}\n    e: {command: y, headers: {'a b': c}}\n"
        "    f: {url: 'http://me:pw@x/'}\n    g: {url: http://x/, headers: {a: [1]}, limit_s: 0}\n"
        '    h: {url: "http://x/", headers: {a: "x\\ny"}, allowed: x}\n'
    )
    at = "config.yaml"
    address = "expected an address as in http://nas:8000/mcp, without a password in it"
    assert problems(f"tools:\n  mcp:\n{servers}") == (
        f"{at}:3: tools.mcp.a.url: {address}, got nas/mcp",
        f"{at}:4: tools.mcp.b: has neither url nor command; write url: http://… for a server that "
        "runs, or command: [/path/to/program] for one that is to be started",
        f"{at}:5: tools.mcp.c.command: a server has either url or command; make two servers of it",
        f"{at}:5: tools.mcp.c.env.a b: is no name of an environment variable",
        f"{at}:6: tools.mcp.d.env: only a program that is started (command) has an environment",
        f"{at}:6: tools.mcp.d.url: its port is none: expected a number from 1 to 65535",
        f"{at}:7: tools.mcp.e.headers: only a server with a url gets headers; a program gets env",
        f"{at}:7: tools.mcp.e.headers.a b: is no name of a header",
        f"{at}:8: tools.mcp.f.url: {address}",
        f"{at}:9: tools.mcp.g.headers.a: expected text, got a list",
        f"{at}:9: tools.mcp.g.limit_s: expected a number from 1 to 300, got 0",
        f"{at}:10: tools.mcp.h.headers.a: expected text on one line, without control characters",
        f"{at}:10: tools.mcp.h.allowed: there is no such option; did you mean allow?",
    )
    assert problems("tools: {mcp: [x]}")[0].endswith("expected groups with names, got a list")
    assert "is no name for it" in problems("tools: {mcp: {'a b': {command: x}}}")[0]


@pytest.mark.parametrize("given", ["127.0.0.1", '"::1"', "0.0.0.0", "proxy", "1.2.3"])
def test_a_trusted_proxy_is_another_machine(given: str) -> None:
    with pytest.raises(ConfigError, match="the IP address of another machine or container"):
        parse(f"http: {{ingress: {given}}}\n")


@pytest.mark.parametrize("given", ["172.30.32.2", '""', '"fd00::2"'])
def test_a_trusted_proxy_is_named_by_its_address(given: str) -> None:
    assert parse(f"http: {{ingress: {given}}}\n").http.ingress == given.strip('"')
