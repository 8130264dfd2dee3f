"""The doctor's check of Home Assistant: address, token, and what it exposes to Assist."""

from __future__ import annotations

from collections.abc import AsyncIterator

from ... import config
from ...tools.sources.home_assistant.client import HomeClient, HomeError
from ...tools.sources.home_assistant.source import NO_SERVER, server_at, why_no_tools
from ...tools.sources.kept_link import Connect, load_connect
from ...tools.sources.mcp_link import LinkError, RefusedLinkError
from ...tools.tool import SourceState
from .finding import Finding, failed, passed, warned

_NAME = "home assistant"


async def check_home(
    settings: config.Config, connect: Connect | None = None
) -> AsyncIterator[Finding]:
    """Yield findings if an address is configured; otherwise nothing is tried."""
    home = settings.home_assistant
    if not home.url:
        return
    client = HomeClient(home)
    try:
        await client.ping()
    except HomeError:
        refused = client.state is SourceState.REFUSED
        remedy = (
            "make a new long-lived token in the profile of its user (Security), and put it into "
            "secrets.yaml"
            if refused
            else "check home_assistant.url: does this address open Home Assistant in a browser?"
        )
        yield failed(_NAME, client.note, remedy, key_at_fault=refused)
        return
    finally:
        await client.close()
    yield passed(_NAME, f"{home.url} answers and takes the token")
    if settings.tools.home_assistant:
        yield await _exposed(home, connect)


async def _exposed(home: config.HomeAssistant, connect: Connect | None) -> Finding:
    name = "home assistant's tools"
    try:
        connect = connect or await load_connect()
        async with connect("home_assistant", server_at(home)) as link:
            tools = await link.tools()
    except LinkError as error:
        if error.status == 404:
            return warned(name, NO_SERVER, "in Home Assistant: Settings, Devices, Add integration")
        why = "do as it says" if isinstance(error, RefusedLinkError) else "try again later"
        return warned(name, f"what is exposed cannot be read: {why_no_tools(error)}", why)
    except BaseExceptionGroup as errors:  # of the SDK, from inside the connection
        return warned(name, f"what is exposed cannot be read: {errors.exceptions[0]}", "try again")
    if not tools:
        what = "nothing is exposed to Assist"
        return warned(name, what, "expose things: Settings, Voice assistants, Expose")
    return passed(name, f"{len(tools)} tools for Assist")
