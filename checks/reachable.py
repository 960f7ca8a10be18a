"""Does the target answer, and quickly?"""

from __future__ import annotations

import time

from checks.check import Check, Context, Finding, Severity
from deployment.errors import UnreachableError

PATIENCE = 3.0  # seconds an observation may take


def reachable(context: Context) -> Finding | None:
    """Observe once."""
    begun = time.monotonic()
    try:
        observed = context.target.observe()
    except UnreachableError as error:
        return Finding(f"the {context.target.kind} target does not answer: {error.message}", remedy=error.hint)
    took = time.monotonic() - begun
    if took > PATIENCE:
        why = "Triggers and rollback wait for it."
        return Finding(f"the {context.target.kind} target took {took:.1f} s to answer", why, severity=Severity.WARN)
    if observed.notes:
        return Finding("; ".join(observed.notes), severity=Severity.WARN)
    return None


CHECKS = (Check("target.reachable", "Does the target answer?", "host", reachable, fine="the target answers"),)
