"""The same file system on both backends and a plain directory beside them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.dualfuse.served import ALL_BACKENDS, BACKENDS, serve


@pytest.fixture(params=ALL_BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Each backend in turn."""
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def mounted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """A loopback mount on each backend, and a plain directory, by name."""
    root = tmp_path_factory.mktemp("mounted")
    places = {"plain": root / "plain"}
    places["plain"].mkdir()
    with ExitStack() as stack:
        for name in BACKENDS:
            under = root / f"under-{name}"
            under.mkdir()
            places[name] = root / name
            loopback = "dualfuse.samples.loopback:Loopback"
            stack.enter_context(serve(loopback, places[name], name, [f"root={under}"]))
        yield places


@pytest.fixture
def places(mounted: dict[str, Path], request: pytest.FixtureRequest) -> dict[str, Path]:
    """A fresh directory on each of them."""
    fresh = {name: place / request.node.name.replace("/", "_")[:60] for name, place in mounted.items()}
    for place in fresh.values():
        place.mkdir()
    return fresh
