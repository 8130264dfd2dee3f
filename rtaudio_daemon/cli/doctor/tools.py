"""The doctor's check of the user's tools: their programs, hosts and files.

Checks from the perspective of the service's user, as far as possible: the unit hides home folders,
and its user may read only what everybody may.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from ... import config
from ...config.placeholders import revealed
from ...proxies import is_at_home, proxy_of
from ...tools.sources.mcp_servers import McpSource
from ...tools.tool import SourceState
from .. import preflight
from .finding import Finding, failed, passed, warned

_CONNECT_S = 3.0
_ANSWER_S = 40.0
_HIDDEN = ("/home", "/root", "/run/user")
UNIT = Path("/etc/systemd/system/rtaudio-daemon.service")


async def check_tools(settings: config.Config, unit: Path = UNIT) -> AsyncIterator[Finding]:
    """Check every source of tools in the configuration; `unit`: of the system service."""
    for problem in preflight.unusable_tools(settings):
        yield failed(
            "tools", problem, "correct it; until then it is left out", config_at_fault=True
        )
    for problem in preflight.unanswered_functions(settings):
        yield warned("tools", problem, "see docs/tools.md")
    for finding in _hidden(settings.tools, unit):
        yield finding
    for tool in settings.tools.own:
        if tool.http.url:
            yield await _reached(tool)
    for name, server in (settings.tools.mcp or {}).items():
        yield await _offers(name, server)


class _Listener:
    """Uses no tools; `changed` is set when something is new."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()

    def tools_changed(self) -> None:
        """Note that the tools or the state of the source have changed."""
        self.changed.set()


async def _offers(name: str, server: config.McpServer) -> Finding:
    """Check whether a server of tools is usable; its program is started for that."""
    listener, ready = _Listener(), asyncio.Event()
    ready.set()
    source = McpSource(name, server, listener, ready)
    task = asyncio.create_task(source.run(), name=source.name)
    try:
        async with asyncio.timeout(_ANSWER_S):
            while source.state is SourceState.STARTING:
                await listener.changed.wait()
                listener.changed.clear()
    except TimeoutError:
        pass
    finally:
        task.cancel()
        await asyncio.wait([task])
    if source.state is SourceState.OK:
        note = f" ({source.note})" if source.note else ""
        return passed(source.name, f"{len(source.tools())} of its tools are used{note}")
    return warned(
        source.name, source.note or "does not answer", "see docs/tools.md, section MCP servers"
    )


def _hidden(tools: config.Tools, unit: Path) -> Iterator[Finding]:
    """Yield the files that tools need and the service cannot see, if it is installed."""
    if not unit.exists():
        return
    for path, what in _used(tools):
        if why := hidden_from_service(path):
            yield warned(
                "tools",
                f"{what} {path} {why}",
                "put it where the service finds it, as in /usr/local/bin or /etc/rtaudio-daemon "
                "(chmod a+rX)",
            )


def hidden_from_service(path: Path) -> str:
    """Return why the service's user cannot use the file, judging by modes; "" if it can."""
    real = path.resolve()
    if any(real.is_relative_to(folder) for folder in _HIDDEN):
        return "is in a folder that the service does not see (ProtectHome)"
    try:
        if not os.stat(real).st_mode & stat.S_IROTH:
            return "may not be read by the service's user"
        closed = [each for each in real.parents if not os.stat(each).st_mode & stat.S_IXOTH]
    except OSError:
        return ""
    return f"is in {closed[0]}, which the service's user may not enter" if closed else ""


def _used(tools: config.Tools) -> Iterator[tuple[Path, str]]:
    for own in tools.own:
        found = shutil.which(revealed(own.program[0])) if own.program else None
        if found:
            yield Path(found), f"the program of {own.name},"
    for name, server in (tools.mcp or {}).items():
        found = shutil.which(revealed(server.command[0])) if server.command else None
        if found:
            yield Path(found), f"the program of mcp:{name},"
    for file in tools.python:
        if os.path.exists(file):
            yield Path(file), "the file with functions"


async def _reached(tool: config.OwnTool) -> Finding:
    """Check whether anything listens at a tool's address, without sending a request."""
    parts = urlsplit(revealed(tool.http.url))
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    name = f"tool {tool.name}"
    if not is_at_home(host) and proxy_of(f"{parts.scheme}://{parts.netloc}"):
        return passed(name, f"{host} is asked through a proxy")
    try:
        async with asyncio.timeout(_CONNECT_S):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        why = f"does not answer within {_CONNECT_S:g} s"
    except OSError as error:
        why = f"cannot be reached: {os.strerror(error.errno) if error.errno else error}"
        if not error.errno or error.errno < 0:
            why = "is not known in this network"
    else:
        writer.close()
        await writer.wait_closed()
        return passed(name, f"{host} answers on port {port}")
    return warned(name, f"{host} {why}", "is it switched on, and is the url right?")
