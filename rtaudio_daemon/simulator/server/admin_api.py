"""``/simulator/fault``: arms faults while the simulator runs, from this machine only."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any, Protocol

from aiohttp import web

from ..fault_injection import KINDS, FaultInjector
from ..protocol.rejection import Rejection
from .auth import http_error

PATH = "/simulator/fault"


class FaultTarget(Protocol):
    """The simulator whose faults are armed."""

    @property
    def faults(self) -> FaultInjector:
        """The armed faults."""

    def arm(self, data: Mapping[str, Any]) -> None:
        """Arm the fault that `data` describes; raises `Rejection` if there is no such fault."""


class AdminApi:
    """Arms the faults of `target`."""

    def __init__(self, target: FaultTarget) -> None:
        self._target = target

    def add_to(self, app: web.Application) -> None:
        """Add the routes: GET shows, POST arms, DELETE disarms all."""
        app.router.add_get(PATH, self._show)
        app.router.add_post(PATH, self._arm)
        app.router.add_delete(PATH, self._clear)

    async def _show(self, request: web.Request) -> web.Response:
        return rejected_origin(request) or self._armed()

    async def _clear(self, request: web.Request) -> web.Response:
        if (answer := rejected_origin(request)) is None:
            self._target.faults.clear()
            answer = self._armed()
        return answer

    async def _arm(self, request: web.Request) -> web.Response:
        if (answer := rejected_origin(request)) is not None:
            return answer
        try:
            data = await request.json()
        except ValueError:
            return http_error(400, "BadRequest", "The body is not JSON.")
        if not isinstance(data, dict):
            return http_error(400, "BadRequest", "The body is no JSON object.")
        try:
            self._target.arm(data)
        except Rejection as rejection:
            return http_error(400, rejection.code or "BadRequest", rejection.message)
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
            for each in self._target.faults
        ]
        return web.json_response({"armed": armed, "known": sorted(KINDS)})


def rejected_origin(request: web.Request) -> web.Response | None:
    """Return the rejection of clients on other machines, and of web pages in a browser."""
    try:
        near = ipaddress.ip_address(request.remote or "").is_loopback
    except ValueError:
        near = False
    if not near or "Origin" in request.headers:
        return http_error(403, "403", "Faults are made from this machine only.")
    if request.method == "POST" and request.content_type != "application/json":
        return http_error(415, "415", "Content-Type: application/json is expected.")
    return None
