"""Week 1, baseline: the dual image runs, still on fusepy, and what is normal is written down."""

from __future__ import annotations

from datetime import timedelta

from phases.deployments import SAFE
from phases.phase import Phase, Stage

WEEK = Phase(
    week=1,
    name="baseline",
    goal="The image with both backends serves with fusepy; its functions and its speed are the baseline.",
    stages=(
        Stage(
            name="dual image",
            deployment=SAFE,
            soak=timedelta(days=1),
            entry=("mount.fusepy",),
            exit=("service.stable", "functional.stable", "benchmark.baseline", "metrics.baseline"),
        ),
    ),
)
