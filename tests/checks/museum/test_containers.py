"""The museum's containers: each gives its one finding, and the container that the finding starts has none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.museum.containers import EXHIBITS, ContainerExhibit

pytestmark = [pytest.mark.docker, pytest.mark.root, pytest.mark.fuse]


@pytest.mark.parametrize("exhibit", EXHIBITS, ids=lambda exhibit: str(exhibit.name))
def test_it_is_found_and_repaired(short_tmp: Path, exhibit: ContainerExhibit) -> None:
    seen = exhibit.visit(short_tmp)
    assert seen.found(exhibit), seen
    assert seen.repaired, seen
