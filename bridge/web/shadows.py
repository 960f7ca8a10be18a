"""Annotations over HTTP: what was noted on a file, a note to be added, one to be taken back."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge import files
from bridge.annotations import LONGEST, AnnotationError, parse
from bridge.web.access import Access, agent_of, route
from bridge.web.work import Work
from dualfuse.beneath import folder_at, open_beneath, opened

SECTION = "shadows"
Notes = list[dict[str, Any]]


class Shadows:
    """The endpoints below /shadows."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def routes(self, access: Access) -> list[Route]:
        """Return the routes."""
        return [
            route(
                "/shadows/{path:path}",
                get=access.reading(self.get),
                post=access.changing(SECTION, self.post),
                delete=access.changing(SECTION, self.delete),
            )
        ]

    async def get(self, request: Request) -> Response:
        """Return the annotations of a file, each with what has become of the lines it is about."""
        path = files.checked(request.path_params["path"])
        notes = await self._work.on_the_mount(agent_of(request), SECTION, lambda place: _read(place, path))
        return JSONResponse({"annotations": notes})

    async def post(self, request: Request) -> Response:
        """Add an annotation: {"lines": [first, last], "text": …}, without lines for the whole file."""
        path = files.checked(request.path_params["path"])
        body = await self._work.body(request, LONGEST)
        try:
            said = json.loads(body)
            line = json.dumps(
                {"lines": said["lines"], "text": said["text"]} if said.get("lines") else {"text": said["text"]}
            )
            parse(line.encode())
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            why = str(error) if isinstance(error, AnnotationError) else 'not {"lines": [first, last], "text": …}'
            raise HTTPException(400, why) from None
        agent = agent_of(request)

        def add(place: Path) -> Notes:
            _append(place, path, line)
            return [note for note in _read(place, path) if note["agent"] == agent.name]

        notes = await self._work.once(agent, SECTION, add)
        return JSONResponse(notes[-1], 201)

    async def delete(self, request: Request) -> Response:
        """Take an annotation back: ?id=… ; agents take back their own."""
        path = files.checked(request.path_params["path"])
        given = request.query_params.get("id", "")
        if not given.isascii() or not given.isdigit() or len(given) > 15:
            raise HTTPException(400, "?id= is the number of an annotation")
        line = json.dumps({"retract": int(given)})
        await self._work.once(agent_of(request), SECTION, lambda place: _append(place, path, line))
        return Response(status_code=204)


def _read(place: Path, path: str) -> Notes:
    part = files.get(place, path)
    with part.file:
        return [json.loads(line) for line in part.read_all().splitlines()]


def _append(place: Path, path: str, line: str) -> None:
    flags = os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK
    with folder_at(place) as folder, opened(open_beneath(folder, path, flags)) as file:
        os.write(file, line.encode() + b"\n")
