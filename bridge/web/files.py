"""Files over HTTP: read in parts, replaced as a whole and only if they are what the client thinks, removed, listed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from bridge import files
from bridge.files import Part
from bridge.web.access import Access, agent_of, route
from bridge.web.ranges import UnsatisfiableError, unchanged
from bridge.web.work import Work

AT_ONCE = 4 * 1024 * 1024  # bytes up to which a file is read before the answer begins; longer ones are read meanwhile
BINARY = "application/octet-stream"


class Files:
    """The files of one section, below a path of the API.

    Args:
        work: The worker threads.
        section: Which section of the mount.
        prefix: Where in the API it stands, "" for the top.
    """

    def __init__(self, work: Work, section: str, prefix: str) -> None:
        self._work = work
        self._section = section
        self._prefix = prefix

    def routes(self, access: Access) -> list[Route]:
        """Return the routes."""
        section = self._section
        return [
            route(
                f"{self._prefix}/files/{{path:path}}",
                get=access.reading(self.get),
                put=access.changing(section, self.put),
                delete=access.changing(section, self.delete),
            ),
            Route(f"{self._prefix}/list", access.reading(self.names)),
            Route(f"{self._prefix}/list/{{path:path}}", access.reading(self.names)),
        ]

    async def get(self, request: Request) -> Response:
        """Return a file's content, or the part that is asked for."""
        return await content(self._work, request, self._section, files.checked(request.path_params["path"]))

    async def put(self, request: Request) -> Response:
        """Store the body as a file's content: 201 if the file is new, else 204; 412 if it is not what is replaced."""
        path = files.checked(request.path_params["path"])
        replaces = _replaces(request)
        body = await self._work.body(request)
        new, etag = await self._work.on_the_mount(
            agent_of(request), self._section, lambda place: files.put(place, path, body, replaces)
        )
        return Response(status_code=201 if new else 204, headers={"ETag": etag})

    async def delete(self, request: Request) -> Response:
        """Remove a file or an empty folder."""
        if {"if-match", "if-none-match"} & set(request.headers):
            raise HTTPException(400, "DELETE takes no condition")
        path = files.checked(request.path_params["path"])
        await self._work.on_the_mount(agent_of(request), self._section, lambda place: files.delete(place, path))
        return Response(status_code=204)

    async def names(self, request: Request) -> Response:
        """Return the names in a folder."""
        return await listing(self._work, request, self._section, folder(request))


def folder(request: Request) -> str:
    """Return the folder that a request names, "" for the section itself."""
    given: str = request.path_params.get("path", "").rstrip("/")
    return files.checked(given) if given else ""


async def listing(work: Work, request: Request, section: str, path: str) -> Response:
    """Answer with the names in a folder."""
    return JSONResponse(await work.on_the_mount(agent_of(request), section, lambda place: files.names(place, path)))


async def content(work: Work, request: Request, section: str, path: str) -> Response:
    """Answer with a file's content, a part of it, or that the client has it already."""

    def read(place: Path) -> tuple[Part, bytes | None]:
        part = files.get(place, path, request.headers)
        if part.end - part.begin > AT_ONCE:
            return part, None
        with part.file:
            return part, part.read_all()

    try:
        part, whole = await work.on_the_mount(agent_of(request), section, read)
    except UnsatisfiableError:
        raise HTTPException(416, "nothing of this range is there") from None
    headers = {"ETag": part.etag, "Accept-Ranges": "bytes"}
    if unchanged(request.headers, part.etag):
        part.file.close()
        return Response(status_code=304, headers=headers)
    if not part.whole:
        headers["Content-Range"] = f"bytes {part.begin}-{part.end - 1}/{part.size}"
    status = 200 if part.whole else 206
    if whole is not None:
        return Response(whole, status, headers, BINARY)
    headers["Content-Length"] = str(part.end - part.begin)
    return StreamingResponse(_pieces(work, part), status, headers, BINARY)


async def _pieces(work: Work, part: Part) -> AsyncIterator[bytes]:
    try:
        offset = part.begin
        while offset < part.end:
            piece = await work.bounded(lambda: part.read(offset))  # noqa: B023 - it is awaited before it changes
            if not piece:
                return  # the file became shorter: the connection is closed, and the client sees that bytes are missing
            yield piece
            offset += len(piece)
    finally:
        part.file.close()


def _replaces(request: Request) -> str | None:
    """Return what the request's condition says that there must be."""
    match, none_match = request.headers.get("if-match"), request.headers.get("if-none-match")
    if match is not None and none_match is not None:
        raise HTTPException(400, "either If-Match or If-None-Match")
    if none_match is not None:
        if none_match.strip() != "*":
            raise HTTPException(400, "PUT takes If-None-Match: * and no other")
        return ""
    if match is None:
        return None
    tags = [tag.strip() for tag in match.split(",") if tag.strip()]
    if not tags or not match.isascii() or len(match) > 1000:
        raise HTTPException(400, "If-Match is * or etags")
    return ",".join(tags)
