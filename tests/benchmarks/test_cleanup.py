"""The benchmark of the purge runs, cleans up, and prints what it promises."""

from __future__ import annotations

from tests.benchmarks.benched import bench


def test_it_prints_its_figures_as_one_json_object() -> None:
    figures = bench("cleanup", "--every", "20", "--layouts", "")
    assert figures.keys() == {"projects", "right", "wrong", "layouts", "kill_points", "recovered"}
    assert figures["projects"] == figures["right"] >= 25
    assert figures["wrong"] == {}
    assert figures["kill_points"] == figures["recovered"] >= 2
