"""Week 2, shadow: the pyfuse3 Bridge starts beside the stable one, takes no traffic, and is compared."""

from __future__ import annotations

from datetime import timedelta

from phases.deployments import share
from phases.gates import COMPARISONS_FLOW, SHADOW_TRIGGERS
from phases.phase import Phase, Stage

WEEK = Phase(
    week=2,
    name="shadow",
    goal="The pyfuse3 Bridge runs beside the stable one without traffic; mirrored operations are compared.",
    stages=(
        Stage(
            name="0%",
            deployment=share(0),
            soak=timedelta(days=1),
            entry=("host.libfuse3", "mount.pyfuse3"),
            exit=("service.canary", "functional.stable", "functional.canary", "parity"),
            gates=(COMPARISONS_FLOW,),
            triggers=SHADOW_TRIGGERS,
        ),
    ),
)
