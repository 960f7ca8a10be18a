"""Streams over HTTP: appended to, read in parts, or followed as server-sent events."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from bridge import files
from bridge.agents import Agent
from bridge.sections.streams import EVENTS
from bridge.web.access import Access, agent_of, route
from bridge.web.files import content
from bridge.web.work import Work
from dualfuse.beneath import folder_at, open_beneath, opened

SECTION = "streams"
LARGEST = 1024 * 1024  # bytes of one record
LOOK = 0.2  # seconds between two looks at a stream that is followed
QUIET = 15.0  # seconds after which a follower is told that the connection still stands
FOLLOWERS = 200  # at once; each looks at its stream several times a second


class Streams:
    """The endpoints below /streams."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._followers = 0

    def routes(self, access: Access) -> list[Route]:
        """Return the routes."""
        return [
            Route("/streams", access.reading(self.names)),
            route("/streams/{name}", get=access.reading(self.get), post=access.changing(SECTION, self.post)),
        ]

    async def names(self, request: Request) -> Response:
        """Return the names of the streams; `events` is everything that happens."""
        names = await self._work.on_the_mount(agent_of(request), SECTION, lambda place: files.names(place, ""))
        return JSONResponse({"streams": names})

    async def get(self, request: Request) -> Response:
        """Return a stream's content; to who accepts text/event-stream, its lines as they come.

        An event's id is the byte after its line: a client that comes back with Last-Event-ID misses nothing. Without
        it only what comes from now on is told, with ?from=0 all of it.
        """
        name = files.checked(request.path_params["name"])
        if "text/event-stream" not in request.headers.get("accept", ""):
            return await content(self._work, request, SECTION, name)
        size = await self._work.on_the_mount(agent_of(request), SECTION, lambda place: _size(place, name))
        given = request.headers.get("last-event-id") or request.query_params.get("from") or str(size)
        if not given.isascii() or not given.isdigit() or len(given) > 18:
            raise HTTPException(400, "Last-Event-ID and ?from= are bytes of the stream")
        if self._followers >= FOLLOWERS:
            raise HTTPException(503, "too many follow streams", {"Retry-After": "5"})
        lines = self._follow(agent_of(request), name, int(given))
        return StreamingResponse(lines, headers={"Cache-Control": "no-store"}, media_type="text/event-stream")

    async def _follow(self, agent: Agent, name: str, offset: int) -> AsyncIterator[bytes]:
        self._followers += 1
        try:
            yield b": following\n\n"
            quiet = 0.0
            while True:
                read = await self._work.on_the_mount(agent, SECTION, lambda place: _read(place, name, offset))  # noqa: B023
                whole = read[: read.rfind(b"\n") + 1] or (read if len(read) >= files.PIECE else b"")
                told = []
                for line in whole.splitlines(keepends=True):
                    offset += len(line)
                    text = line.decode(errors="replace").rstrip("\r\n")
                    told.append(f"id: {offset}\ndata: {text}\n\n")
                quiet = 0.0 if told else quiet + LOOK
                if told:
                    yield "".join(told).encode()
                elif quiet >= QUIET:
                    quiet = 0.0
                    yield b": still here\n\n"
                if not told:
                    await asyncio.sleep(LOOK)
        finally:
            self._followers -= 1

    async def post(self, request: Request) -> Response:
        """Append the body to a stream, which is made if it is not there: 201 then, else 204."""
        name = files.checked(request.path_params["name"])
        if name == EVENTS:
            raise HTTPException(403, f"{EVENTS} is not written")
        body = await self._work.body(request, LARGEST)
        new = await self._work.once(agent_of(request), SECTION, lambda place: _append(place, name, body))
        return Response(status_code=201 if new else 204)


def _size(place: Path, name: str) -> int:
    with folder_at(place) as folder, opened(open_beneath(folder, name, os.O_RDONLY)) as file:
        return os.fstat(file).st_size


def _read(place: Path, name: str, offset: int) -> bytes:
    """Read on; opened anew each time, so that a follower holds no mount that is to go."""
    with folder_at(place) as folder, opened(open_beneath(folder, name, os.O_RDONLY)) as file:
        return os.pread(file, files.PIECE, offset) if os.fstat(file).st_size > offset else b""


def _append(place: Path, name: str, body: bytes) -> bool:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
    with folder_at(place) as folder:
        try:
            file = os.open(name, flags, dir_fd=folder)
            new = False
        except FileNotFoundError:
            file = os.open(name, flags | os.O_CREAT, files.FILE_MODE, dir_fd=folder)
            new = True
        with opened(file):
            view = memoryview(body)
            while view:
                view = view[os.write(file, view) :]
    return new
