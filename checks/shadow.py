"""Were enough operations compared, and did the answers agree?"""

from __future__ import annotations

from checks.check import Check, Context, Finding, Severity
from checks.gate import Status, Threshold, judge
from deployment.metrics.source import Metric
from deployment.model import Side

LIMIT = 0.001  # divergent / compared
WINDOW = 7 * 24 * 3600.0  # seconds: a week, or whatever the source still remembers


def comparisons(context: Context) -> Finding | None:
    """Judge the divergence with the canary as shadow; zero of too few is no proof."""
    context.source.poll()
    threshold = Threshold("divergence", Metric.DIVERGENCE_RATIO, LIMIT, WINDOW, context.comparisons)
    verdict = judge(threshold, context.source.measure(Metric.DIVERGENCE_RATIO, Side.CANARY, WINDOW))
    if verdict.status is Status.PASS:
        return None
    if verdict.status is Status.FAIL:
        why = "The two backends gave different answers to the same operation."
        return Finding(verdict.reason, why, "the canary's log names each; accept or repair them")
    remedy = "keep the mirror on until enough operations were compared"
    return Finding(verdict.reason, remedy=remedy, severity=Severity.UNKNOWN)


CHECKS = (
    Check(
        "shadow.comparisons",
        "Did the compared operations agree?",
        "metrics",
        comparisons,
        fine="enough operations were compared, and they agree",
    ),
)
