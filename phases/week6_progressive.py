"""Week 6, progressive: half, three quarters, nine tenths; before each a drill, during each silent triggers."""

from __future__ import annotations

from datetime import timedelta

from phases.deployments import share
from phases.gates import CANARY_GATES, SHADOW_TRIGGERS, TRAFFIC_GATES, TRAFFIC_TRIGGERS
from phases.phase import Phase, Stage


def _stage(weight: int, days: int) -> Stage:
    return Stage(
        name=f"{weight}%",
        deployment=share(weight),
        soak=timedelta(days=days),
        entry=("drill", "service.stable", "service.canary"),
        exit=("router.share",),
        # with more of the traffic than the stable side it would be called slow for the load alone
        gates=TRAFFIC_GATES + (CANARY_GATES if weight <= 50 else ()),
        triggers=TRAFFIC_TRIGGERS + SHADOW_TRIGGERS,
    )


WEEK = Phase(
    week=6,
    name="progressive",
    goal="Half of the clients, then three quarters, then nine tenths are served by pyfuse3.",
    stages=(_stage(50, days=2), _stage(75, days=2), _stage(90, days=3)),
)
