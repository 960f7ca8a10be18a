"""Week 7, full: every client and the stable mount path are on pyfuse3; fusepy stays warm and is compared with."""

from __future__ import annotations

from datetime import timedelta

from deployment.model import Deployment, Side
from phases.deployments import BOTH_IMAGES, MIRRORING, PROMOTED
from phases.gates import BASELINE_GATES, SHADOW_TRIGGERS, TRAFFIC_GATES, TRAFFIC_TRIGGERS
from phases.phase import Phase, Stage

WEEK = Phase(
    week=7,
    name="full",
    goal="pyfuse3 serves every client and the stable mount path; fusepy stays warm beside it.",
    stages=(
        Stage(
            name="100%",
            deployment=Deployment(MIRRORING, PROMOTED, weight=100, live=Side.CANARY, images=BOTH_IMAGES),
            soak=timedelta(days=7),
            entry=("drill", "service.canary", "backup", "backup.fresh"),
            exit=("service.canary", "functional.canary", "router.share", "backup"),
            gates=TRAFFIC_GATES + BASELINE_GATES,
            triggers=TRAFFIC_TRIGGERS + SHADOW_TRIGGERS,
        ),
    ),
    confirm_by_name=True,
)
