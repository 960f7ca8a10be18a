"""Blocking work on the mount, done by worker threads for the agents that ask, within a time."""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bridge.agents import Agent
from bridge.files import BadPathError, ConditionError
from bridge.mounts import Mounts
from bridge.workers import Desk

DEADLINE = 5.0  # seconds a request waits for the mount; the mount's heartbeat says the rest
WORKERS = 32  # threads that may wait for the mount at once
LARGEST_BODY = 64 * 1024 * 1024  # bytes
BODY_LIMIT = 60.0  # seconds a body may take to arrive
MOST_HELD = 256 * 1024 * 1024  # bytes of bodies that are held at once
REPLACED = 2.0  # seconds a request waits for a mount that died to be replaced
PAUSE = 0.02  # seconds between two attempts meanwhile
GONE = (errno.ENOTCONN, errno.ECONNABORTED, errno.ENODEV)  # the mount died under the request

STATUS_OF = {
    errno.ENOENT: 404,
    errno.ENOTDIR: 404,
    errno.ESTALE: 404,
    errno.EISDIR: 409,
    errno.EEXIST: 409,
    errno.ENOTEMPTY: 409,
    errno.EACCES: 403,
    errno.EPERM: 403,
    errno.EROFS: 403,
    errno.EXDEV: 403,  # the path leads out of the section
    errno.ELOOP: 403,
    errno.EINVAL: 400,
    errno.ENAMETOOLONG: 400,
    errno.ENXIO: 409,
    errno.EFBIG: 413,
    errno.ENOSPC: 507,
    errno.EDQUOT: 507,
    errno.EBUSY: 503,
    errno.EAGAIN: 503,
    **dict.fromkeys(GONE, 503),
}

READING = ("GET", "HEAD")  # requests after which everything is as it was

Result = TypeVar("Result")


class NotBegunError(TimeoutError):
    """The mount is known not to answer, so it was not even asked."""


class Work:
    """The worker threads, over the mounts that are kept."""

    def __init__(self, mounts: Mounts, desk: Desk) -> None:
        self._mounts = mounts
        self._desk = desk
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="request")
        self._held = 0

    @property
    def mount(self) -> Path:
        """Where this Bridge's own mount is shown."""
        return self._mounts.health.settings.mount_point

    async def on_the_mount(self, agent: Agent, section: str, work: Callable[[Path], Result]) -> Result:
        """Run work on a section for an agent, again while a mount that died is being replaced.

        Every request says how things shall be, so doing one twice does what doing it once does; one that adds
        something must be done by `once`.
        """
        place = self.mount / section
        deadline = time.monotonic() + REPLACED

        def persistent() -> Result:
            while True:
                try:
                    return self._as(agent, work, place)
                except OSError as error:
                    if error.errno not in GONE or time.monotonic() > deadline:
                        raise
                time.sleep(PAUSE)

        return await self.bounded(persistent)

    async def once(self, agent: Agent, section: str, work: Callable[[Path], Result]) -> Result:
        """Run work on a section for an agent, one time."""
        place = self.mount / section
        return await self.bounded(lambda: self._as(agent, work, place))

    def _as(self, agent: Agent, work: Callable[[Path], Result], place: Path) -> Result:
        with self._desk.working_for(agent.name):
            return work(place)

    async def bounded(self, work: Callable[[], Result]) -> Result:
        """Run blocking work in a thread and wait for it so long and no longer; what was begun may end later.

        Raises:
            NotBegunError: Nothing was begun.
            TimeoutError: It has not ended.
        """
        if self._mounts.health.hung:
            raise NotBegunError
        future = asyncio.get_running_loop().run_in_executor(self._workers, work)
        return await asyncio.wait_for(future, DEADLINE)

    async def body(self, request: Request, largest: int = LARGEST_BODY) -> bytes:
        """Return the body of a request.

        Raises:
            HTTPException: It is too large, takes too long, or too many are on their way at once.
        """
        received = bytearray()
        held = 0
        try:
            async with asyncio.timeout(BODY_LIMIT):
                async for piece in request.stream():
                    received += piece
                    self._held += len(piece)
                    held += len(piece)
                    if len(received) > largest:
                        raise HTTPException(413, f"the body is larger than {largest} bytes")
                    if self._held > MOST_HELD:
                        raise HTTPException(503, "too many large bodies at once", {"Retry-After": "1"})
        except TimeoutError:
            raise HTTPException(408, f"the body did not arrive within {BODY_LIMIT:g} s") from None
        finally:
            self._held -= held
        return bytes(received)


async def of_the_mount(request: Request, error: Exception) -> Response:  # noqa: ARG001 - Starlette's signature
    """Answer what the mount refused, by errno."""
    code = error.errno or 0 if isinstance(error, OSError) else 0
    name = errno.errorcode.get(code, "EIO")
    return JSONResponse({"error": name, "detail": str(getattr(error, "strerror", error))}, STATUS_OF.get(code, 500))


async def of_the_path(request: Request, error: Exception) -> Response:  # noqa: ARG001
    """Answer a path or value that cannot be."""
    return JSONResponse({"error": "EINVAL", "detail": str(error)}, 400)


async def of_the_condition(request: Request, error: Exception) -> Response:  # noqa: ARG001
    """Answer that somebody else was faster."""
    return JSONResponse({"error": "CONDITION", "detail": str(error)}, 412)


async def of_http(request: Request, error: Exception) -> Response:  # noqa: ARG001
    """Answer what HTTP itself refuses, in the form of all answers."""
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": "HTTP", "detail": error.detail}, error.status_code, error.headers)


async def too_late(request: Request, error: Exception) -> Response:
    """Answer that the mount did not: 503, and 504 where a change was begun that may still be made.

    A router repeats what got a 503 elsewhere. After a 504 it must not: a change that is made twice, the second time
    late, undoes what was done in between. See RFC 9110, 15.6.4 and 15.6.5.
    """
    unknown = request.method not in READING and not isinstance(error, NotBegunError)
    more = "; it may still do it: look before asking again" if unknown else ""
    detail = f"the mount did not answer within {DEADLINE:g} s{more}"
    return JSONResponse({"error": "ETIMEDOUT", "detail": detail}, 504 if unknown else 503)


HANDLERS = {
    OSError: of_the_mount,
    BadPathError: of_the_path,
    ConditionError: of_the_condition,
    TimeoutError: too_late,
    HTTPException: of_http,
}
