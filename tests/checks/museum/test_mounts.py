"""The museum's mounts: each exhibit gives its one finding, and the finding's own commands repair it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.museum.exhibit import Exhibit
from tests.checks.museum.mounts import EXHIBITS
from tests.checks.museum.visit import visit

pytestmark = [pytest.mark.root, pytest.mark.fuse]


@pytest.mark.parametrize("exhibit", EXHIBITS, ids=lambda exhibit: str(exhibit.name))
def test_it_is_found_and_repaired(short_tmp: Path, exhibit: Exhibit) -> None:
    seen = visit(exhibit, short_tmp)
    assert seen.found(exhibit), seen
    assert seen.repaired, seen
