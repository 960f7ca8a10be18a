"""Is the share of clients that was set the share that is really served?"""

from __future__ import annotations

from checks.check import Check, Context, Finding, Severity

REPAIRED = ("lighthouse-migrate advance",)
EXACT = 1.0  # points: at 0% and at 100% no client may be on the wrong side
# Clients are hashed into 100 buckets by their id: few clients, or one busy client, lie far from the share that was set.
TOLERANCE = 15.0


def share(context: Context) -> Finding | None:
    """Compare the weight in the router with the one wanted, and with where requests went since it was set."""
    observed = context.target.observe()
    if not observed.router:
        return Finding("the router does not answer", "Nobody knows where the traffic goes.", "read its log")
    weight, actual = observed.weight, observed.actual
    if weight is None:
        return Finding("the router's weight cannot be read", severity=Severity.UNKNOWN)
    if context.desired is not None and weight != context.desired.weight:
        seen = f"the router is set to {weight}%, the stage wants {context.desired.weight}%"
        why = "More or fewer clients meet the canary than the stage's gates judge."
        return Finding(seen, why, "`plan` shows what differs; `advance` first brings it back", REPAIRED)
    if actual is None:
        why = "The share that was set is proved only by requests."
        return Finding(f"set {weight}%, but no requests were counted since", why, severity=Severity.UNKNOWN)
    seen = f"set {weight}%, actual {actual:.1f}%"
    if weight in (0, 100) and abs(actual - weight) > EXACT:
        return Finding(seen, "A client is served by the side it should not be on.", "set the weight again", REPAIRED)
    if abs(actual - weight) > TOLERANCE:
        why = "With few clients, or one that is busier than the rest, this is expected."
        return Finding(seen, why, "compare again with more clients", severity=Severity.WARN)
    return None


CHECKS = (
    Check(
        "router.share",
        "Is the share that was set really served?",
        "bridge",
        share,
        fine="the share that was set is served",
    ),
)
