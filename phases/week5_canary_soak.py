"""Week 5, canary-soak: still a tenth, for a whole week, with nothing to report."""

from __future__ import annotations

from datetime import timedelta

from phases.deployments import share
from phases.gates import CANARY_GATES, DIVERGENCE, SHADOW_TRIGGERS, TRAFFIC_GATES, TRAFFIC_TRIGGERS
from phases.phase import Phase, Stage

WEEK = Phase(
    week=5,
    name="canary-soak",
    goal="A tenth of the clients stays on pyfuse3 for a full week in which no trigger fires.",
    stages=(
        Stage(
            name="10%",
            deployment=share(10),
            soak=timedelta(days=7),
            exit=("router.share", "metrics.fresh", "backup", "backup.fresh"),
            gates=(*TRAFFIC_GATES, *CANARY_GATES, DIVERGENCE),
            triggers=TRAFFIC_TRIGGERS + SHADOW_TRIGGERS,
        ),
    ),
)
