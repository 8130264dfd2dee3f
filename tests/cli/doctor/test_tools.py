"""The doctor tries tools: their files as the service's user sees them, and their hosts."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.cli.doctor.finding import Finding
from rtaudio_daemon.cli.doctor.tools import check_tools, hidden_from_service


async def findings(folder: Path, text: str, unit: str = "no.service") -> list[Finding]:
    (folder / "config.yaml").write_text(text)
    settings = config.load(folder / "config.yaml")
    found = [each async for each in check_tools(settings, folder / unit)]
    assert all(each.remedy or each.verdict == "pass" for each in found)
    return found


async def test_nothing_is_said_where_there_are_no_tools(tmp_path: Path) -> None:
    assert await findings(tmp_path, "{}\n") == []


async def test_tools_that_cannot_be_used_are_the_configuration_s_fault(tmp_path: Path) -> None:
    text = "tools: {python: gone.py, own: [{name: a, description: x, program: /no/such}]}\n"
    program, file = await findings(tmp_path, text)
    assert "there is no program /no/such" in program.what
    assert file.what == f"{tmp_path}/gone.py: there is no such file"
    assert program.config_at_fault
    assert file.config_at_fault


async def test_functions_that_nobody_answers_are_warned_about(tmp_path: Path) -> None:
    text = "realtime: {session: {extra: {tools: [{type: function, name: wave}]}}}\n"
    (finding,) = await findings(tmp_path, text)
    assert (finding.verdict, "wave" in finding.what) == ("warn", True)


@pytest.mark.real_time
async def test_hosts_are_reached_without_asking_them_anything(tmp_path: Path) -> None:
    asked: list[bytes] = []

    async def lamp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read())
        writer.close()

    server = await asyncio.start_server(lamp, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    tool = "{{name: {0}, description: x, http: {{url: 'http://{1}'}}}}"
    entries = [tool.format("a", f"127.0.0.1:{port}/on"), tool.format("b", "lamp.invalid")]
    here, unknown = await findings(tmp_path, f"tools: {{own: [{', '.join(entries)}]}}\n")
    assert (here.verdict, here.what) == ("pass", f"127.0.0.1 answers on port {port}")
    assert unknown.what == "lamp.invalid is not known in this network"
    server.close()
    (gone,) = await findings(tmp_path, f"tools: {{own: [{entries[0]}]}}\n")
    assert gone.what == "127.0.0.1 cannot be reached: Connection refused"
    assert asked == [b""]


async def test_files_that_the_service_does_not_see_are_named(tmp_path: Path) -> None:
    script = tmp_path / "lamp.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o700)
    (tmp_path / "there.service").touch()
    text = "tools: {own: [{name: a, description: x, program: ./lamp.sh}]}\n"
    (finding,) = await findings(tmp_path, text, "there.service")
    assert (finding.verdict, finding.what) == (
        "warn",
        f"the program of a, {script} may not be read by the service's user",
    )
    assert await findings(tmp_path, text) == []


def test_what_everybody_may_read_is_no_problem(tmp_path: Path) -> None:
    assert hidden_from_service(Path("/bin/sh")) == ""
    assert "ProtectHome" in hidden_from_service(Path("/root/lamp.sh"))
    folder = tmp_path / "closed"
    folder.mkdir()
    file = folder / "mine.py"
    file.touch()
    file.chmod(0o644)
    folder.chmod(0o700)
    assert hidden_from_service(file) == f"is in {folder}, which the service's user may not enter"


@pytest.mark.real_time
async def test_mcp_servers_are_tried_and_each_says_what_to_do(tmp_path: Path) -> None:
    odd = Path(__file__).parents[2] / "tools" / "mcp_odd_program.py"
    python = f"{sys.executable}, -S, -E, {odd}"
    text = (
        "tools:\n  mcp:\n"
        f"    good: {{command: [{python}, plain]}}\n"
        f"    broken: {{command: [{python}, dies]}}\n"
        "    away: {url: 'http://127.0.0.1:9/mcp'}\n"
    )
    good, broken, away = await findings(tmp_path, text)
    assert (good.verdict, good.what) == ("pass", "2 of its tools are used")
    assert (broken.verdict, broken.name) == ("warn", "mcp:broken")
    assert broken.what == "its program ended (exit status 1): no licence found"
    assert away.what.startswith("cannot be reached")


async def test_a_program_of_an_mcp_server_that_is_not_there_is_the_configuration_s_fault(
    tmp_path: Path,
) -> None:
    text = "tools: {mcp: {notes: {command: [/no/such, -x]}}}\n"
    found = await findings(tmp_path, text)
    assert "tools.mcp.notes.command: there is no program /no/such" in found[0].what
    assert found[0].config_at_fault
