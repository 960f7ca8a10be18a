"""Asking Bridges what their comparators found: all of them, or the reason why not."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deployment.divergences import found
from deployment.errors import UnreachableError
from deployment.model import Image, InstanceState, Observation, Side

EXPORT = {"comparing": True, "counts": [], "divergences": [], "ignored": {}, "raced": 0, "trouble": ""}


@contextmanager
def bridge(told: object) -> Iterator[str]:
    """Serve a Bridge's metrics port, as far as is asked here; gives the URL of its metrics."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(told).encode()
            self.send_response(200 if self.path == "/divergences" else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/metrics"
        finally:
            server.shutdown()


def instance(side: Side, metrics: str) -> InstanceState:
    return InstanceState(f"{side}-1", side, 1, Image.DUAL, {}, "fusepy", True, metrics=metrics)


def test_every_bridge_tells_the_stable_one_first() -> None:
    with bridge(EXPORT) as one, bridge({**EXPORT, "comparing": False}) as other:
        told = found(Observation((instance(Side.CANARY, other), instance(Side.STABLE, one))))
    assert [(each.instance, each.told["comparing"]) for each in told] == [("stable-1", True), ("canary-1", False)]


def test_a_bridge_that_says_something_else_is_not_taken_for_one_without_divergences() -> None:
    with bridge({"divergences": []}) as url, pytest.raises(UnreachableError) as caught:
        found(Observation((instance(Side.STABLE, url),)))
    assert caught.value.message == "stable-1 does not tell what it compared"
    assert "status" in caught.value.hint


def test_a_silent_bridge_and_none_at_all_are_errors() -> None:
    with pytest.raises(UnreachableError, match="stable-1"):
        found(Observation((instance(Side.STABLE, "http://127.0.0.1:1/metrics"),)))
    with pytest.raises(UnreachableError, match="stable-1"):
        found(Observation((instance(Side.STABLE, ""),)))
    with pytest.raises(UnreachableError, match="no Bridge"):
        found(Observation())
