"""Week 3, parallel: the same deployment under full load, until the comparisons and the benchmark say it is as good."""

from __future__ import annotations

from datetime import timedelta

from phases.deployments import share
from phases.gates import DIVERGENCE, SHADOW_TRIGGERS, UPTIME
from phases.phase import Phase, Stage

WEEK = Phase(
    week=3,
    name="parallel",
    goal="Under full load the two Bridges give the same answers, and pyfuse3 costs no more than the baseline.",
    stages=(
        Stage(
            name="0%",
            deployment=share(0),
            soak=timedelta(days=7),
            exit=("parity", "benchmark.comparison", "shadow.comparisons"),
            gates=(DIVERGENCE, UPTIME),
            triggers=SHADOW_TRIGGERS,
        ),
    ),
)
