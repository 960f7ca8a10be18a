"""Week 8, cleanup: the image with pyfuse3 alone serves; fusepy and libfuse2 are purged, archived and proved gone."""

from __future__ import annotations

from datetime import timedelta

from deployment.model import Deployment, Image, Side
from phases.deployments import SINGLE
from phases.gates import TRAFFIC_TRIGGERS
from phases.phase import Phase, Stage

WEEK = Phase(
    week=8,
    name="cleanup",
    goal="Nothing of fusepy is left in image, requirements, Dockerfile, CI and source; an archive keeps it.",
    stages=(
        Stage(
            name="single backend",
            deployment=Deployment(None, SINGLE, weight=100, live=Side.CANARY, images=frozenset({Image.FUSE3})),
            soak=timedelta(0),
            entry=("service.canary", "backup.fresh"),
            exit=("service.canary", "functional.canary"),
            triggers=TRAFFIC_TRIGGERS,
            cleanup=True,
        ),
    ),
    confirm_by_name=True,
)
