"""OpenAPI and AsyncAPI documents, generated from the routes and the schemas."""

from __future__ import annotations

from typing import Any

from ..version import VERSION
from . import answer_schemas, event_schemas
from .routes import ROUTES, Route
from .schema_parts import Schema

_TITLE = "rtaudio-daemon"
_REFUSALS = {
    400: "the request is malformed",
    401: "no token, or the wrong one",
    404: "nothing has this id or name",
    403: "a token that may only read, or a foreign web page",
    408: "the body did not come in time",
    409: "impossible in the present state",
    413: "the body is too large",
    415: "the body is not JSON",
    421: "the Host header does not name this machine",
    422: "the configuration is wrong; nothing was changed",
    500: "the daemon failed; its log has the details",
    503: "unavailable; Retry-After says when to try again",
}


def openapi() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of all routes."""
    paths: dict[str, Any] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": _TITLE,
            "version": VERSION,
            "description": "Voice conversations with a realtime service.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Status": answer_schemas.STATUS, "Error": answer_schemas.ERROR},
        },
    }


def asyncapi() -> dict[str, Any]:
    """Return the AsyncAPI 3.0 document of the events on `/api/events`."""
    messages = {
        name: {
            "name": name,
            "summary": meaning,
            "contentType": "application/json",
            "payload": event_schemas.event_schema(name),
        }
        for name, (meaning, _) in event_schemas.EVENTS.items()
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
            "required": "required" in route.body or "oneOf" in route.body,
            "content": {"application/json": {"schema": route.body}},
        }
    if "{id}" in route.path:
        operation["parameters"] = [
            {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
        ]
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
                "description": "the last received id; the events after it are replayed",
                "schema": {"type": "string"},
            },
        ]
    return operation


def _responses(route: Route) -> dict[str, Any]:
    schema = {"type": "string"} if route.gives is None else _known(route.gives)
    found: dict[str, Any] = {
        "200": {"description": "success", "content": {route.media: {"schema": schema}}}
    }
    refusals = {403, 421, 500, *route.fails}
    if not route.public:
        refusals.add(401)
    if route.body is not None:
        refusals |= {400, 408, 413, 415}
    for status in sorted(refusals):
        answer = route.gives if route.name == "ready" and status == 503 else answer_schemas.ERROR
        found[str(status)] = {
            "description": _REFUSALS[status],
            "content": {"application/json": {"schema": _known(answer or answer_schemas.ERROR)}},
        }
    return found


def _known(schema: Schema) -> Schema:
    """Return a reference to a named schema, or the schema itself."""
    for name, known in (("Status", answer_schemas.STATUS), ("Error", answer_schemas.ERROR)):
        if schema is known:
            return {"$ref": f"#/components/schemas/{name}"}
    return schema
