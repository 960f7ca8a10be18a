"""A small exporter with the Bridge's metric names, whose counts a test sets."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, make_wsgi_app

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

BUCKETS = (1e-5, 1e-4, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)


class Quiet(WSGIRequestHandler):
    """Says nothing about requests."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


class Exporter:
    """The metrics page of one Bridge.

    No page is made while `still` is held: what is counted under it is seen whole or not at all, whoever looks when.
    """

    def __init__(self, backend: str, port: int, *, tells_start: bool = False) -> None:
        self.backend, self.port = backend, port
        self._tells_start = tells_start  # as a process does, in real time
        self.still = threading.RLock()
        self.server: WSGIServer | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/metrics"

    def start(self) -> None:
        """Begin with all counters at 0, as a process that was started again does."""
        registry = CollectorRegistry()
        labels = ("backend", "operation")
        self.operations = Counter("lighthouse_fuse_operations", "-", (*labels, "status"), registry=registry)
        self.durations = Histogram(
            "lighthouse_fuse_operation_duration_seconds", "-", labels, buckets=BUCKETS, registry=registry
        )
        pair = ("operation", "primary", "shadow")
        self.comparisons = Counter("lighthouse_fuse_backend_comparisons", "-", pair, registry=registry)
        self.divergence = Counter("lighthouse_fuse_backend_divergence", "-", pair, registry=registry)
        self.responsive = Gauge("lighthouse_fuse_mount_responsive", "-", ("backend",), registry=registry)
        self.memory = Gauge("lighthouse_fuse_mount_memory_bytes", "-", ("backend",), registry=registry)
        self.cpu = Counter("lighthouse_fuse_mount_cpu_seconds", "-", ("backend",), registry=registry)
        self.turn = Gauge("turn", "-", registry=registry)
        self.started = time.time()
        if self._tells_start:
            Gauge("process_start_time_seconds", "-", registry=registry).set(self.started)
        for operation in ("read", "write"):
            self.durations.labels(self.backend, operation)
            for status in ("ok", "error"):
                self.operations.labels(self.backend, operation, status)
        self.responsive.labels(self.backend).set(1)
        self.memory.labels(self.backend).set(20_000_000)
        self.cpu.labels(self.backend)
        made = make_wsgi_app(registry)

        def page(environ: WSGIEnvironment, respond: StartResponse) -> Iterable[bytes]:
            with self.still:
                return list(made(environ, respond))

        self.server = make_server("127.0.0.1", self.port, page, handler_class=Quiet)
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        if self.server is not None:
            self.server.shutdown()
            self._thread.join()
            self.server.server_close()
            self.server = None

    def work(self, count: int, seconds: float = 0.002, errors: int = 0) -> None:
        """Count operations that took so long each, the first of them failed."""
        with self.still:
            for number in range(count):
                status = "error" if number < errors else "ok"
                operation = ("read", "write")[number % 2]
                self.operations.labels(self.backend, operation, status).inc()
                self.durations.labels(self.backend, operation).observe(seconds)

    def compare(self, shadow: str, count: int, differing: int) -> None:
        """Count comparisons with a shadow."""
        with self.still:
            self.comparisons.labels("read", self.backend, shadow).inc(count)
            self.divergence.labels("read", self.backend, shadow).inc(differing)

    def tell(self, turn: int) -> None:
        """Say which turn it is: a page that says so has all that was counted before."""
        with self.still:
            self.turn.set(turn)
