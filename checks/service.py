"""Does each Bridge answer, and does the backend it claims really serve?"""

from __future__ import annotations

from checks.check import Check, Context, Finding
from checks.remedies import ours
from deployment.model import Side

BACKENDS = {Side.STABLE: "fusepy", Side.CANARY: "pyfuse3"}


def service(context: Context, side: Side) -> Finding | None:
    """Judge a side's Bridge by what it says of itself now, never by what it was told."""
    state = context.target.observe().serving(side)
    want = BACKENDS[side]
    if state is None:
        remedy = "`plan` shows what would start it; `advance` first brings back what this stage wants"
        return Finding(f"no {side} Bridge runs", "Nobody serves its clients.", remedy, ("lighthouse-migrate advance",))
    if not state.ready:
        why = "Its mount must answer before anybody is sent to it."
        return Finding(f"{state.name} is not ready: {state.detail or 'it does not answer'}", why, "read its log")
    if state.serving != want:
        told = state.told.get("LIGHTHOUSE_FUSE_BACKEND", "nothing")
        seen = f"{state.name} serves {state.serving or 'no backend'}, not {want} (it was told {told})"
        why = "A Bridge that fell back serves well and proves nothing about the backend this side stands for."
        probe = ours(f"check mount.{want}")
        if told == want:
            return Finding(seen, why, "find out why it could not mount", (probe,))
        return Finding(
            seen, why, "`advance` first brings back what this stage wants", (probe, "lighthouse-migrate advance")
        )
    return None


def stable(context: Context) -> Finding | None:
    """Judge the stable Bridge."""
    return service(context, Side.STABLE)


def canary(context: Context) -> Finding | None:
    """Judge the canary Bridge."""
    return service(context, Side.CANARY)


CHECKS = (
    Check("service.stable", "Does the stable Bridge serve fusepy?", "bridge", stable, fine="stable serves fusepy"),
    Check("service.canary", "Does the canary Bridge serve pyfuse3?", "bridge", canary, fine="canary serves pyfuse3"),
)
