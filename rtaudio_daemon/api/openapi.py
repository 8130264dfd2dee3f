"""The two documents about the window, made of the routes and the schemas."""

from __future__ import annotations

from typing import Any

from ..version import VERSION
from . import schemas
from .routes import ROUTES, Route

_TITLE = "rtaudio-daemon"
_REFUSALS = {
    400: "the request is not as it should be",
    401: "no token, or the wrong one",
    403: "a token that may only read, or a foreign web page",
    408: "the body did not come in time",
    409: "not in the present state",
    413: "the body is too large",
    415: "the body is not JSON",
    421: "this machine is not called so",
    422: "the configuration is wrong; nothing was changed",
    500: "something went wrong in the daemon",
    503: "not now; Retry-After says when",
}


def openapi() -> dict[str, Any]:
    """OpenAPI 3.1 for every route."""
    paths: dict[str, Any] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": _TITLE, "version": VERSION, "description": "A voice for a home."},
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Status": schemas.STATUS, "Error": schemas.ERROR},
        },
    }


def asyncapi() -> dict[str, Any]:
    """AsyncAPI 3.0 for the events on `/api/events`."""
    messages = {
        name: {
            "name": name,
            "summary": meaning,
            "contentType": "application/json",
            "payload": schemas.event_schema(name),
        }
        for name, (meaning, _) in schemas.EVENTS.items()
    }
    channel = "#/channels/events"
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": f"{_TITLE} events",
            "version": VERSION,
            "description": "Server-Sent Events: `event:` is the name of the message, `data:` one "
            "line of JSON, `id:` is <boot>-<sequence> and may be sent back as Last-Event-ID.",
        },
        "channels": {
            "events": {
                "address": "/api/events",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
            }
        },
        "operations": {
            "follow": {
                "action": "send",
                "channel": {"$ref": channel},
                "messages": [{"$ref": f"{channel}/messages/{name}"} for name in messages],
            }
        },
        "components": {"messages": messages},
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "security": [{}] if route.public else [{"token": []}, {}],
        "responses": _responses(route),
    }
    if route.body is not None:
        operation["requestBody"] = {
            "required": bool(route.body.get("required")),
            "content": {"application/json": {"schema": route.body}},
        }
    if route.name == "events":
        operation["parameters"] = [
            {
                "name": "types",
                "in": "query",
                "description": "only these events, separated by commas",
                "schema": {"type": "string"},
            },
            {
                "name": "Last-Event-ID",
                "in": "header",
                "description": "the last id that was received: what came after it is told again",
                "schema": {"type": "string"},
            },
        ]
    return operation


def _responses(route: Route) -> dict[str, Any]:
    schema = {"type": "string"} if route.gives is None else _known(route.gives)
    found: dict[str, Any] = {
        "200": {"description": "fine", "content": {route.media: {"schema": schema}}}
    }
    refusals = {403, 421, 500, *route.fails}
    if not route.public:
        refusals.add(401)
    if route.body is not None:
        refusals |= {400, 408, 413, 415}
    for status in sorted(refusals):
        answer = route.gives if route.name == "ready" and status == 503 else schemas.ERROR
        found[str(status)] = {
            "description": _REFUSALS[status],
            "content": {"application/json": {"schema": _known(answer or schemas.ERROR)}},
        }
    return found


def _known(schema: schemas.Schema) -> schemas.Schema:
    """A reference for what has a name, the schema itself for the rest."""
    for name, known in (("Status", schemas.STATUS), ("Error", schemas.ERROR)):
        if schema is known:
            return {"$ref": f"#/components/schemas/{name}"}
    return schema
