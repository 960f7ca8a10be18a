"""The past over HTTP: which instants something changed at, and the files as they were at any instant."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge import files
from bridge.store.instant import instant
from bridge.web.access import Access, agent_of
from bridge.web.files import content, folder, listing
from bridge.web.work import Work

SECTION = "history"


class History:
    """The endpoints below /history."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def routes(self, access: Access) -> list[Route]:
        """Return the routes."""
        return [
            Route("/history", access.reading(self.instants)),
            Route("/history/{time}/files/{path:path}", access.reading(self.get)),
            Route("/history/{time}/list", access.reading(self.names)),
            Route("/history/{time}/list/{path:path}", access.reading(self.names)),
        ]

    async def instants(self, request: Request) -> Response:
        """Return the latest instants at which something changed; any other can be asked for as well."""
        names = await self._work.on_the_mount(agent_of(request), SECTION, lambda place: files.names(place, ""))
        return JSONResponse({"instants": names})

    async def get(self, request: Request) -> Response:
        """Return a file's content as it was."""
        path = files.checked(request.path_params["path"])
        return await content(self._work, request, SECTION, f"{_instant(request)}/{path}")

    async def names(self, request: Request) -> Response:
        """Return the names that were in a folder."""
        path = folder(request)
        return await listing(self._work, request, SECTION, f"{_instant(request)}/{path}".rstrip("/"))


def _instant(request: Request) -> str:
    name: str = request.path_params["time"]
    try:
        instant(name)
    except (ValueError, OverflowError) as error:
        raise files.BadPathError(str(error)) from None
    return name
