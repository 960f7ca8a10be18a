"""Where nothing is broken, nothing is found: neither by root nor by an ordinary user."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.museum.exhibit import NOBODY, Exhibit
from tests.checks.museum.visit import visit

pytestmark = [pytest.mark.root, pytest.mark.fuse]


@pytest.mark.parametrize("user", [(), NOBODY], ids=["root", "nobody"])
def test_a_healthy_host_has_no_finding(short_tmp: Path, user: tuple[str, ...]) -> None:
    seen = visit(Exhibit("healthy", "", "", lambda _world: "", user, probes=True), short_tmp)
    assert (seen.before, seen.after) == ({}, {})
