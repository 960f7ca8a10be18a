"""Week 4, canary: the first tenth of the clients, and a rollback drill while it is still cheap."""

from __future__ import annotations

from datetime import timedelta

from phases.deployments import share
from phases.gates import CANARY_GATES, SHADOW_TRIGGERS, TRAFFIC_GATES, TRAFFIC_TRIGGERS
from phases.phase import Phase, Stage

WEEK = Phase(
    week=4,
    name="canary",
    goal="A tenth of the clients is served by pyfuse3; going back was practised live.",
    stages=(
        Stage(
            name="10%",
            deployment=share(10),
            soak=timedelta(hours=24),
            entry=("service.stable", "mount.pyfuse3"),  # after a rollback the canary is started by this very stage
            exit=("drill", "router.share"),
            gates=TRAFFIC_GATES + CANARY_GATES,
            triggers=TRAFFIC_TRIGGERS + SHADOW_TRIGGERS,
        ),
    ),
)
