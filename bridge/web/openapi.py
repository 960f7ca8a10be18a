"""The API's description in OpenAPI 3.1, as /openapi.json serves it."""

from __future__ import annotations

from typing import Any

from bridge.annotations import LONGEST
from bridge.web.files import BINARY
from bridge.web.work import LARGEST_BODY

Json = dict[str, Any]

TEXT: Json = {"type": "string"}
NAMES: Json = {"type": "array", "items": TEXT}
LINES: Json = {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 2, "maxItems": 2}
ERROR: Json = {
    "type": "object",
    "properties": {"error": TEXT, "detail": TEXT},
    "required": ["error", "detail"],
}
ANNOTATION: Json = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "agent": TEXT,
        "time": {"type": "string", "format": "date-time"},
        "state": {"enum": ["current", "moved", "stale", "unknown"]},
        "lines": LINES,
        "at": {"anyOf": [LINES, {"type": "null"}]},
        "anchor": TEXT,
        "text": TEXT,
    },
    "required": ["id", "agent", "time", "state", "anchor", "text"],
}
NEW_ANNOTATION: Json = {
    "type": "object",
    "properties": {"lines": LINES, "text": {"type": "string", "minLength": 1}},
    "required": ["text"],
}
OBSERVATION: Json = {
    "type": "object",
    "properties": {"paths": {"type": "array", "items": {}}},
    "required": ["paths"],
}
REASONS = {
    400: "The request makes no sense",
    401: "No token of an agent",
    403: "The agent may not, or nobody may",
    404: "There is no such thing",
    408: "The body did not arrive in time",
    409: "What is there is of another kind, or not empty",
    412: "What is there is not what the request says it replaces",
    413: "Too large",
    416: "Nothing of the range is there",
    500: "The mount failed",
    503: "The mount does not answer, or too much is asked at once; nothing is under way any more",
    504: "The mount did not answer in time: what was asked for may still be done",
    507: "The disk is full",
}
OF_ALL = (400, 401, 403, 404, 500, 503, 504)
PATH: Json = {
    "name": "path",
    "in": "path",
    "required": True,
    "description": "Names separated by slashes; no empty one, no . or ..",
    "schema": {"type": "string", "minLength": 1, "maxLength": 4000},
}


def document(version: str, api: int) -> Json:
    """Return the whole document."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Lighthouse Bridge", "version": version, "description": f"Version {api} of the API."},
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Error": ERROR, "Annotation": ANNOTATION, "NewAnnotation": NEW_ANNOTATION},
        },
        "security": [{}, {"token": []}],
        "paths": {
            **_of_the_bridge(),
            **_of_files("", "current/"),
            **_of_files("/context", "context/"),
            **_of_history(),
            **_of_shadows(),
            **_of_streams(),
        },
    }


def _of_the_bridge() -> Json:
    state = _json({"type": "object"}, "The state")
    return {
        "/health": {"get": {"summary": "How the Bridge is", "responses": {"200": state, "503": state}}},
        "/ready": {"get": {"summary": "Whether clients can be sent here", "responses": {"200": state, "503": state}}},
        "/version": {"get": {"summary": "Which Bridge this is", "responses": {"200": state}}},
        "/openapi.json": {"get": {"summary": "This document", "responses": {"200": state}}},
        "/metrics": {
            "get": {
                "summary": "Metrics for Prometheus",
                "responses": {"200": {"description": "The metrics", "content": {"text/plain": {"schema": TEXT}}}},
            }
        },
        "/divergences": {"get": _operation("What the comparator found", {200: _json({"type": "object"}, "Counts")})},
        "/reload": {
            "post": _operation(
                "Have the settings read again; done when /health tells a greater generation",
                {202: _json({"type": "object"}, "The generation before")},
            )
        },
        "/observe": {
            "post": _operation(
                "What paths look like through this mount",
                {200: _json({"type": "object"}, "Observations")},
                (408, 413),
                body={"application/json": {"schema": OBSERVATION}},
            )
        },
    }


def _of_files(prefix: str, section: str) -> Json:
    names = {200: _json(NAMES, "The names, sorted")}
    return {
        f"{prefix}/files/{{path}}": {
            "parameters": [PATH],
            "get": {
                **_operation(f"Read a file of {section}", _content(), (409, 416)),
                "parameters": [_header("Range"), _header("If-None-Match"), _header("If-Range")],
            },
            "put": {
                **_operation(
                    f"Replace a file of {section}, or make it and the folders above it",
                    {201: {"description": "Made"}, 204: {"description": "Replaced"}},
                    (408, 409, 412, 413, 507),
                    body={BINARY: {"schema": {"type": "string", "format": "binary", "maxLength": LARGEST_BODY}}},
                ),
                "parameters": [_header("If-Match"), _header("If-None-Match")],
            },
            "delete": _operation(
                f"Remove a file or an empty folder of {section}", {204: {"description": "Removed"}}, (409, 507)
            ),
        },
        f"{prefix}/list": {"get": _operation(f"The names at the top of {section}", names)},
        f"{prefix}/list/{{path}}": {
            "parameters": [PATH],
            "get": _operation(f"The names in a folder of {section}", names),
        },
    }


def _of_history() -> Json:
    time: Json = {
        "name": "time",
        "in": "path",
        "required": True,
        "description": "An instant as RFC 3339 spells it, since the store was made",
        "schema": {"type": "string", "format": "date-time"},
    }
    instants = {"type": "object", "properties": {"instants": NAMES}, "required": ["instants"]}
    names = {200: _json(NAMES, "The names, sorted")}
    return {
        "/history": {"get": _operation("The latest instants of change", {200: _json(instants, "Instants")})},
        "/history/{time}/files/{path}": {
            "parameters": [time, PATH],
            "get": _operation("Read a file as it was", _content(), (409, 416)),
        },
        "/history/{time}/list": {"parameters": [time], "get": _operation("The names at the top, then", names)},
        "/history/{time}/list/{path}": {"parameters": [time, PATH], "get": _operation("The names, then", names)},
    }


def _of_shadows() -> Json:
    annotation = {"$ref": "#/components/schemas/Annotation"}
    many = {"type": "object", "properties": {"annotations": {"type": "array", "items": annotation}}}
    number = {"name": "id", "in": "query", "required": True, "schema": {"type": "integer", "minimum": 1}}
    return {
        "/shadows/{path}": {
            "parameters": [PATH],
            "get": _operation("The annotations of a file", {200: _json(many, "Annotations")}, (409,)),
            "post": _operation(
                "Annotate a file",
                {201: _json(annotation, "The annotation")},
                (408, 409, 413, 507),
                body={
                    "application/json": {
                        "schema": {"$ref": "#/components/schemas/NewAnnotation"},
                        "description": f"At most {LONGEST} bytes",
                    }
                },
            ),
            "delete": {
                **_operation("Take an annotation back", {204: {"description": "Taken back"}}, (409, 507)),
                "parameters": [number],
            },
        }
    }


def _of_streams() -> Json:
    name: Json = {"name": "name", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    streams = {"type": "object", "properties": {"streams": NAMES}, "required": ["streams"]}
    follow = {"200": {"description": "", "content": {"text/event-stream": {"schema": TEXT}}}}
    content = _content()
    content[200]["content"].update(follow["200"]["content"])
    return {
        "/streams": {"get": _operation("The streams", {200: _json(streams, "Names")})},
        "/streams/{name}": {
            "parameters": [name],
            "get": {
                **_operation("Read a stream, or follow it as server-sent events", content, (409, 416)),
                "parameters": [_header("Range"), _header("Last-Event-ID")],
            },
            "post": _operation(
                "Append a record",
                {201: {"description": "The stream was made"}, 204: {"description": "Appended"}},
                (408, 409, 413, 507),
                body={BINARY: {"schema": {"type": "string", "format": "binary"}}},
            ),
        },
    }


def _operation(summary: str, good: Json | dict[int, Json], bad: tuple[int, ...] = (), body: Json | None = None) -> Json:
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    responses = {str(status): answer for status, answer in good.items()}
    responses |= {str(status): {"description": REASONS[status], "content": error} for status in (*OF_ALL, *bad)}
    # No content is content as well, where it is only bytes.
    requested = {"requestBody": {"required": BINARY not in body, "content": body}} if body else {}
    return {"summary": summary, "responses": responses, **requested}


def _content() -> dict[int, Json]:
    binary = {BINARY: {"schema": {"type": "string", "format": "binary"}}}
    return {
        200: {"description": "All of it", "content": dict(binary)},
        206: {"description": "A part", "content": dict(binary)},
        304: {"description": "The client has it"},
    }


def _json(schema: Json, description: str) -> Json:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _header(name: str) -> Json:
    return {"name": name, "in": "header", "required": False, "schema": TEXT}
