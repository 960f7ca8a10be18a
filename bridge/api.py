"""The HTTP API: files through this Bridge's own mount, its health and metrics, and what a mirror asks its shadow."""

# ruff: noqa: ARG001, ARG002  (the signatures are Starlette's)

from __future__ import annotations

import asyncio
import errno
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge import files
from bridge.metrics import BridgeCollector
from bridge.mounts import Mounts
from dualfuse.observe import ASPECTS, is_question, observe_all

log = logging.getLogger(__name__)

DEADLINE = 5.0  # seconds a request waits for the mount; then 503, and the mount's heartbeat says the rest
WORKERS = 32  # threads that may wait for the mount at once
LARGEST_BODY = 64 * 1024 * 1024  # bytes
MOST_PATHS = 1000  # in one question to /observe
ABANDONED = 3600.0  # seconds after which a body that was begun will not be finished
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
    errno.EXDEV: 403,  # the path leads out of `current/`
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

Result = TypeVar("Result")


class Api:
    """The endpoints, over the mounts that are kept."""

    def __init__(self, mounts: Mounts) -> None:
        self._mounts = mounts
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="request")
        self._registry = CollectorRegistry()
        self._registry.register(BridgeCollector(mounts))

    def application(self) -> Starlette:
        """Return the application that serves on the API port."""
        return Starlette(
            routes=[
                Route("/health", self.health),
                Route("/ready", self.ready),
                Route("/metrics", self.metrics),
                Route("/divergences", self.divergences),
                Route("/observe", self.observe, methods=["POST"]),
                Route("/files/{path:path}", self.get, methods=["GET"]),
                Route("/files/{path:path}", self.put, methods=["PUT"]),
                Route("/files/{path:path}", self.delete, methods=["DELETE"]),
                Route("/list", self.names),
                Route("/list/{path:path}", self.names),
            ],
            exception_handlers={OSError: _of_the_mount, files.BadPathError: _of_the_path, TimeoutError: _too_late},
            lifespan=self._lifespan,
        )

    @asynccontextmanager
    async def _lifespan(self, application: Starlette) -> AsyncIterator[None]:
        sweeping = asyncio.create_task(self._sweep())
        yield
        sweeping.cancel()

    async def _sweep(self) -> None:
        """Clear away what a Bridge that died had begun to write, once there is a mount to do it through."""
        while not self._mounts.health.ready:
            await asyncio.sleep(1.0)
        try:
            removed = await self._on_the_mount(lambda current: files.sweep(current, ABANDONED))
        except (OSError, TimeoutError) as error:
            log.warning("bodies that were never finished could not be cleared away: %s", error)
        else:
            log.info("cleared away %d bodies that were never finished", removed)

    def metrics_application(self) -> Starlette:
        """Return the application that serves on the metrics port."""
        return Starlette(
            routes=[
                Route("/metrics", self.metrics),
                Route("/health", self.health),
                Route("/divergences", self.divergences),
            ]
        )

    async def health(self, request: Request) -> Response:
        """Say how the Bridge is: 200 if clients can be sent here, else 503."""
        health = self._mounts.health
        return JSONResponse(health.as_json(), 200 if health.ready else 503)

    async def ready(self, request: Request) -> Response:
        """Say only whether clients can be sent here."""
        ready = self._mounts.health.ready
        return JSONResponse({"ready": ready}, 200 if ready else 503)

    async def metrics(self, request: Request) -> Response:
        """Return the metrics in Prometheus' text format."""
        text = await asyncio.to_thread(generate_latest, self._registry)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    async def divergences(self, request: Request) -> Response:
        """Return what the comparator counted, and the last 1,000 divergences that it found, oldest first."""
        return JSONResponse(await asyncio.to_thread(self._mounts.mirror.export))

    async def get(self, request: Request) -> Response:
        """Return a file's content."""
        path = files.checked(request.path_params["path"])
        content = await self._on_the_mount(lambda current: files.get(current, path))
        return Response(content, media_type="application/octet-stream")

    async def put(self, request: Request) -> Response:
        """Store the body as a file's content: 201 if the file is new, else 204."""
        path = files.checked(request.path_params["path"])
        body = await _body(request)
        new = await self._on_the_mount(lambda current: files.put(current, path, body))
        return Response(status_code=201 if new else 204)

    async def delete(self, request: Request) -> Response:
        """Remove a file or an empty folder."""
        path = files.checked(request.path_params["path"])
        await self._on_the_mount(lambda current: files.delete(current, path))
        return Response(status_code=204)

    async def names(self, request: Request) -> Response:
        """Return the names in a folder."""
        given = request.path_params.get("path", "").rstrip("/")
        path = files.checked(given) if given else ""
        return JSONResponse(await self._on_the_mount(lambda current: files.names(current, path)))

    async def observe(self, request: Request) -> Response:
        """Return what paths look like through this mount: {"paths": [path or [path, [question, …]], …]}."""
        asked = _asked(await _body(request))
        root = self._mounts.health.settings.mount_point

        seen = await self._bounded(partial(observe_all, root, asked))
        observations = [{"path": path, **observation} for (path, _), observation in zip(asked, seen, strict=True)]
        return JSONResponse({"backend": self._mounts.health.backend, "observations": observations})

    async def _on_the_mount(self, work: Callable[[Path], Result]) -> Result:
        """Run blocking work on `current/` in a worker thread, again while a mount that died is being replaced.

        Every request says how things shall be, not what to add, so doing one twice does what doing it once does.
        """
        current = self._mounts.health.settings.mount_point / "current"
        deadline = time.monotonic() + REPLACED

        def persistent() -> Result:
            while True:
                try:
                    return work(current)
                except OSError as error:
                    if error.errno not in GONE or time.monotonic() > deadline:
                        raise
                time.sleep(PAUSE)

        if self._mounts.health.hung:
            raise TimeoutError
        return await self._bounded(persistent)

    async def _bounded(self, work: Callable[[], Result]) -> Result:
        future = asyncio.get_running_loop().run_in_executor(self._workers, work)
        return await asyncio.wait_for(future, DEADLINE)


async def _body(request: Request) -> bytes:
    received = bytearray()
    async for piece in request.stream():
        received += piece
        if len(received) > LARGEST_BODY:
            raise HTTPException(413, f"the body is larger than {LARGEST_BODY} bytes")
    return bytes(received)


def _asked(body: bytes) -> list[tuple[str, list[str]]]:
    try:
        paths: list[Any] = json.loads(body)["paths"]
        asked = [(path, list(ASPECTS)) if isinstance(path, str) else (str(path[0]), list(path[1])) for path in paths]
    except (ValueError, TypeError, LookupError) as error:
        raise HTTPException(400, 'the body is not {"paths": [path or [path, [question, …]], …]}') from error
    if len(asked) > MOST_PATHS:
        raise HTTPException(413, f"more than {MOST_PATHS} paths")
    if any("\0" in path or not all(map(is_question, questions)) for path, questions in asked):
        raise HTTPException(400, "a path with a NUL, or a question that cannot be asked (see dualfuse/observe.py)")
    return asked


async def _of_the_mount(request: Request, error: Exception) -> Response:
    code = error.errno or 0 if isinstance(error, OSError) else 0
    name = errno.errorcode.get(code, "EIO")
    return JSONResponse({"error": name, "detail": str(getattr(error, "strerror", error))}, STATUS_OF.get(code, 500))


async def _of_the_path(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": "EINVAL", "detail": str(error)}, 400)


async def _too_late(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": "ETIMEDOUT", "detail": f"the mount did not answer within {DEADLINE:g} s"}, 503)
