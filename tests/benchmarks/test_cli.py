"""The benchmark of the command line runs, cleans up, and prints what it promises."""

from __future__ import annotations

from tests.benchmarks.benched import bench


def test_it_prints_its_figures_as_one_json_object() -> None:
    figures = bench("cli", "--rounds", "9")
    above_bare = {f"{name}_above_bare_ms" for name in ("status", "help", "check", "check_help")}
    assert figures.keys() == {"rounds", "bare_ms", "status_ms"} | above_bare
    assert 0 < figures["bare_ms"] < figures["status_ms"]
    assert all(figures[name] > 0 for name in above_bare)
