"""What a request is told whose work on the mount does not end in time."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import cast

import pytest
from starlette.requests import Request
from starlette.responses import Response

from bridge.mounts import Mounts
from bridge.web import work
from bridge.workers import Desk


@pytest.mark.parametrize(
    ("method", "hung", "status"),
    [
        ("GET", False, 503),
        ("PUT", False, 504),
        ("DELETE", False, 504),
        ("POST", False, 504),
        ("GET", True, 503),
        ("PUT", True, 503),
    ],
)
def test_only_what_will_surely_not_be_done_may_be_repeated(
    method: str, hung: bool, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "DEADLINE", 0.05)
    mounts = SimpleNamespace(health=SimpleNamespace(hung=hung))
    workers = work.Work(cast("Mounts", mounts), cast("Desk", None))
    begun, over = threading.Event(), threading.Event()

    def last() -> None:
        begun.set()
        over.wait()

    async def ask() -> Response:
        with pytest.raises(TimeoutError) as caught:
            await workers.bounded(last)
        return await work.HANDLERS[TimeoutError](Request({"type": "http", "method": method}), caught.value)

    try:
        answer = asyncio.run(ask())
    finally:
        over.set()
    assert (answer.status_code, begun.is_set()) == (status, not hung)
