"""The museum's projects: each gives its one finding, and `check --fix` repairs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.museum.project import EXHIBITS, ProjectExhibit


@pytest.mark.parametrize("exhibit", EXHIBITS, ids=lambda exhibit: str(exhibit.name))
def test_it_is_found_and_repaired(tmp_path: Path, exhibit: ProjectExhibit) -> None:
    seen = exhibit.visit(tmp_path)
    assert seen.found(exhibit), seen
    assert seen.repaired, seen


def test_a_project_without_a_mistake_has_no_finding(tmp_path: Path) -> None:
    seen = ProjectExhibit("healthy", "", "", {}).visit(tmp_path)
    assert (seen.before, seen.after) == ({}, {})
