"""``/simulator/fault``: from outside, while it runs, but only from this machine."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from rtaudio_daemon.simulator.door import refused
from rtaudio_daemon.simulator.faults import KINDS, Faults
from rtaudio_daemon.simulator.refusal import Refusal

PATH = "/simulator/fault"


class Control:
    """`fault` carries out what was posted; it raises `Refusal` for what it does not know."""

    def __init__(self, faults: Faults, fault: Callable[[Mapping[str, Any]], None]) -> None:
        self._faults = faults
        self._fault = fault

    def add_to(self, app: web.Application) -> None:
        """Add the routes: GET shows, POST arms, DELETE disarms all."""
        app.router.add_get(PATH, self._show)
        app.router.add_post(PATH, self._arm)
        app.router.add_delete(PATH, self._clear)

    async def _show(self, request: web.Request) -> web.Response:
        return stranger(request) or self._armed()

    async def _clear(self, request: web.Request) -> web.Response:
        if (answer := stranger(request)) is None:
            self._faults.clear()
            answer = self._armed()
        return answer

    async def _arm(self, request: web.Request) -> web.Response:
        if (answer := stranger(request)) is not None:
            return answer
        try:
            data = await request.json()
        except ValueError:
            return refused(400, "BadRequest", "The body is not JSON.")
        if not isinstance(data, dict):
            return refused(400, "BadRequest", "The body is no JSON object.")
        try:
            self._fault(data)
        except Refusal as refusal:
            return refused(400, refusal.code or "BadRequest", refusal.message)
        return self._armed()

    def _armed(self) -> web.Response:
        armed = [
            {
                "fault": each.fault.kind,
                **({"on": each.fault.on} if each.fault.on else {}),
                **({"at_s": each.fault.at_s} if each.fault.at_s is not None else {}),
                "nth": each.fault.nth,
                "left": each.left,
                **each.fault.options,
            }
            for each in self._faults
        ]
        return web.json_response({"armed": armed, "known": sorted(KINDS)})


def stranger(request: web.Request) -> web.Response | None:
    """The refusal of whoever is not on this machine, or is a page in somebody's browser."""
    try:
        near = ipaddress.ip_address(request.remote or "").is_loopback
    except ValueError:
        near = False
    if not near or "Origin" in request.headers:
        return refused(403, "403", "Faults are made from this machine only.")
    if request.method == "POST" and request.content_type != "application/json":
        return refused(415, "415", "Content-Type: application/json is expected.")
    return None
