"""Checks the key of a connection, and rejects it as Azure does."""

from __future__ import annotations

import hmac

from aiohttp import web

from ..fault_injection import FaultInjector, rejection_of
from ..protocol.services import OPENAI, SimulatedService

_KEY_PROTOCOL = "openai-insecure-api-key."
_ACCESS_DENIED = (
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a "
    "valid key for an active subscription and use a correct regional API endpoint for your "
    "resource."
)


def rejected(
    request: web.Request, service: SimulatedService, api_key: str | None, faults: FaultInjector
) -> web.Response | None:
    """Return the rejection of a client without the key, in Azure's format; None for others."""
    fault = faults.take("refuse")
    if fault is not None:
        status, code, message = rejection_of(fault)
        wait_s = fault.options.get("retry_after_s")
        headers = {} if wait_s is None else {"Retry-After": str(wait_s)}
        return http_error(status, code, message, headers)
    if not _has_key(request, service, api_key):
        return http_error(401, "401", _ACCESS_DENIED)
    problem = _problem(request, service)
    if problem is not None:
        return http_error(400, "BadRequest", problem)
    return None


def transcribes(request: web.Request, service: SimulatedService) -> bool:
    """Return whether the client requests a transcription session, which answers nothing."""
    return request.query.get("intent") == "transcription" and not service.rich


def http_error(
    status: int, code: str, message: str, headers: dict[str, str] | None = None
) -> web.Response:
    """Return an HTTP error with a JSON body in Azure's format."""
    body = {"error": {"code": code, "message": message}}
    return web.json_response(body, status=status, headers=headers)


def _problem(request: web.Request, service: SimulatedService) -> str | None:
    versioned = "api-version" in request.query
    if service.needs_version is False and versioned:
        return "api-version query parameter is not allowed when using /v1 path"
    if service.needs_version and not versioned:
        return "Missing required query parameter: api-version"
    if not request.query.get(service.parameter) and not transcribes(request, service):
        return f"Missing required query parameter: {service.parameter}"
    return None


def _has_key(request: web.Request, service: SimulatedService, api_key: str | None) -> bool:
    if api_key is None:
        return True
    offered = [request.headers.get("api-key", ""), request.query.get("api-key", "")]
    for authorization in (
        request.headers.get("Authorization", ""),
        request.query.get("Authorization", ""),
    ):
        scheme, _, token = authorization.partition(" ")
        offered.append(token if scheme.lower() == "bearer" else "")
    if service is OPENAI:  # as sent by browsers, which cannot set headers
        protocols = request.headers.get("Sec-WebSocket-Protocol", "").split(",")
        offered += [
            each.strip().removeprefix(_KEY_PROTOCOL)
            for each in protocols
            if each.strip().startswith(_KEY_PROTOCOL)
        ]
    key = api_key.encode()
    return any(
        each != "" and hmac.compare_digest(each.encode(errors="replace"), key) for each in offered
    )
