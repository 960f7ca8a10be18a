"""The benchmark of the screens runs, cleans up, and prints what it promises."""

from __future__ import annotations

from tests.benchmarks.benched import bench


def test_it_prints_its_figures_as_one_json_object() -> None:
    figures = bench("tui", "--rounds", "1", "--seconds", "1", "--ticks", "60", "--presses", "2")
    assert figures.keys() == {
        *("bare_first_paint_ms", "first_paint_ms", "first_paint_ratio", "tick_ms"),
        *("idle_cpu_percent", "idle_growth_mb", "growth_mb", "keys_ms", "keys_worst_ms"),
    }
    assert 0 < figures["bare_first_paint_ms"] < figures["first_paint_ms"]
    assert 0 < figures["keys_ms"] <= figures["keys_worst_ms"] < 5000
    assert figures["tick_ms"] > 0
