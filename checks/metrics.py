"""Do metrics flow, are they fresh, and what was normal in production before anything changed?"""

from __future__ import annotations

from checks import words
from checks.check import Check, Context, Finding, Severity
from deployment.metrics.source import Metric
from deployment.model import Side

BASELINE = "metrics.baseline"
BASELINE_WINDOW = 24 * 3600.0  # seconds
RECORDED = (Metric.MEMORY, Metric.CPU_PER_OPERATION)  # what week 7 is held against
FRESH = 30.0  # seconds a heartbeat may be old


def fresh(context: Context) -> Finding | None:
    """Ask for the newest heartbeat of each side that runs."""
    observed = context.target.observe()
    sides = [side for side in Side if observed.serving(side) is not None]
    if not sides:
        return Finding("no Bridge runs, so there is nothing to measure", severity=Severity.UNKNOWN)
    context.source.poll()
    for side in sides:
        found = context.source.measure(Metric.RESPONSIVE, side, FRESH)
        if found.failed:
            seen = f"{context.source.name} does not answer: {found.detail or 'no reason given'}"
            return Finding(seen, "Triggers are blind without it.", "start it, or look at its log")
        if found.value is None or not found.samples:
            seen = f"no heartbeat of the {side} Bridge for {words.duration(FRESH)}"
            return Finding(seen, "Triggers are blind without it.", found.detail or "see that its metrics are scraped")
        age = context.now() - found.at
        if age > FRESH:
            return Finding(f"the {side} Bridge's newest metrics are {words.duration(age)} old", "Triggers are blind.")
    return None


def baseline(context: Context) -> Finding | None:
    """Record what fusepy takes to serve everybody."""
    context.source.poll()
    found = {metric: context.source.measure(metric, Side.STABLE, BASELINE_WINDOW) for metric in RECORDED}
    for metric, measurement in found.items():
        if measurement.value is None:
            seen = f"no {words.NAMES[metric]} of the stable Bridge: {measurement.detail or 'no samples'}"
            why = "Without it nobody can say in week 7 whether pyfuse3 takes more."
            return Finding(seen, why, "let clients work, then ask again", severity=Severity.UNKNOWN)
    context.record(BASELINE, {str(metric): m.value for metric, m in found.items()} | {"at": context.now()})
    return None


CHECKS = (
    Check(BASELINE, "What does fusepy take in production?", "metrics", baseline, fine="what fusepy takes is recorded"),
    Check("metrics.fresh", "Are there fresh metrics of each side?", "metrics", fresh, fine="metrics are fresh"),
)
