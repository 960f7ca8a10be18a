"""Fixtures of the Bridge's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bridge.harness import BACKENDS, Bridge, cleaned


@pytest.fixture(scope="module", params=BACKENDS)
def bridge(request: pytest.FixtureRequest, short_root: Path) -> Iterator[Bridge]:
    """A Bridge that serves, on each backend in turn; the tests of a module share it."""
    name = request.module.__name__.rpartition(".")[2].removeprefix("test_")
    folder = short_root / f"{name}-{request.param}"
    running = Bridge(folder, folder / "store.db", request.param)
    with cleaned(running):
        yield running.start()
