"""The HTTP API: files through this Bridge's own mount, its health and metrics, and what a mirror asks its shadow."""

# ruff: noqa: ARG002  (the signatures are Starlette's)

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge import __version__, files
from bridge.agents import unlimited
from bridge.metrics import BridgeCollector
from bridge.mounts import Mounts
from bridge.roster import Roster
from bridge.web.access import Access
from bridge.web.files import Files
from bridge.web.history import History
from bridge.web.openapi import document
from bridge.web.shadows import Shadows
from bridge.web.streams import Streams
from bridge.web.work import HANDLERS, Work
from bridge.workers import Desk
from dualfuse.observe import ASPECTS, is_question, observe_all

log = logging.getLogger(__name__)

API_VERSION = 1
BRIDGE = unlimited("bridge")  # as whom it tidies up
MOST_PATHS = 1000  # in one question to /observe
LARGEST_QUESTION = 8 * 1024 * 1024  # bytes of it
ABANDONED = 3600.0  # seconds after which a body that was begun will not be finished


class Api:
    """The endpoints, over the mounts that are kept."""

    def __init__(self, mounts: Mounts, roster: Roster) -> None:
        self._mounts = mounts
        self._access = Access(roster)
        self._work = Work(mounts, Desk(mounts.health.settings.state_dir))
        self._registry = CollectorRegistry()
        self._registry.register(BridgeCollector(mounts))

    def application(self) -> Starlette:
        """Return the application that serves on the API port."""
        access = self._access
        parts = (
            *(Files(self._work, "current", ""), Files(self._work, "context", "/context")),
            *(History(self._work), Shadows(self._work), Streams(self._work)),
        )
        return Starlette(
            routes=[
                Route("/health", self.health),
                Route("/ready", self.ready),
                Route("/version", self.version),
                Route("/openapi.json", self.openapi),
                Route("/metrics", self.metrics),
                Route("/divergences", access.comparing(self.divergences)),
                Route("/reload", access.administering(self.reload), methods=["POST"]),
                Route("/observe", access.comparing(self.observe), methods=["POST"]),
                *(route for part in parts for route in part.routes(access)),
            ],
            exception_handlers=HANDLERS,
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
            removed = await self._work.on_the_mount(BRIDGE, "current", lambda place: files.sweep(place, ABANDONED))
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

    async def version(self, request: Request) -> Response:
        """Say which Bridge this is."""
        return JSONResponse({"version": __version__, "api": API_VERSION})

    async def openapi(self, request: Request) -> Response:
        """Return the description of this API."""
        return JSONResponse(document(__version__, API_VERSION))

    async def reload(self, request: Request) -> Response:
        """Have the settings read again, as SIGHUP does; /health tells by its generation when that is done."""
        before = self._mounts.health.generation
        os.kill(os.getpid(), signal.SIGHUP)
        return JSONResponse({"generation": before}, 202)

    async def metrics(self, request: Request) -> Response:
        """Return the metrics in Prometheus' text format."""
        text = await asyncio.to_thread(generate_latest, self._registry)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    async def divergences(self, request: Request) -> Response:
        """Return what the comparator counted, and the last 1,000 divergences that it found, oldest first."""
        return JSONResponse(await asyncio.to_thread(self._mounts.mirror.export))

    async def observe(self, request: Request) -> Response:
        """Return what paths look like through this mount: {"paths": [path or [path, [question, …]], …]}."""
        asked = _asked(await self._work.body(request, LARGEST_QUESTION))
        root = self._mounts.health.settings.mount_point

        seen = await self._work.bounded(partial(observe_all, root, asked))
        observations = [{"path": path, **observation} for (path, _), observation in zip(asked, seen, strict=True)]
        return JSONResponse({"backend": self._mounts.health.backend, "observations": observations})


def _asked(body: bytes) -> list[tuple[str, list[str]]]:
    try:
        paths: list[Any] = json.loads(body)["paths"]
        if not isinstance(paths, list):
            raise TypeError
        asked = [(path, list(ASPECTS)) if isinstance(path, str) else (str(path[0]), list(path[1])) for path in paths]
    except (ValueError, TypeError, LookupError) as error:
        raise HTTPException(400, 'the body is not {"paths": [path or [path, [question, …]], …]}') from error
    if len(asked) > MOST_PATHS:
        raise HTTPException(413, f"more than {MOST_PATHS} paths")
    if any("\0" in path or not all(map(is_question, questions)) for path, questions in asked):
        raise HTTPException(400, "a path with a NUL, or a question that cannot be asked (see dualfuse/observe.py)")
    return asked
