"""The benchmark of the checks visits exhibits and prints what it promises."""

from __future__ import annotations

import pytest

from tests.benchmarks.benched import bench

pytestmark = [pytest.mark.root, pytest.mark.fuse]


def test_it_prints_its_figures_as_one_json_object() -> None:
    figures = bench("checks", "--only", "a handler that never answers", "--rounds", "0")
    assert 0 < figures.pop("hung_mount_seconds") < 10
    assert figures == {"museum": 1, "found": 1, "repaired": 1, "false_findings": 0, "suite_seconds": None}
