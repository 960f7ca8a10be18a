"""The nine weeks in their order, which never changes."""

from __future__ import annotations

from phases import (
    week0_readiness,
    week1_baseline,
    week2_shadow,
    week3_parallel,
    week4_canary,
    week5_canary_soak,
    week6_progressive,
    week7_full,
    week8_cleanup,
)
from phases.phase import Phase, Stage

PHASES: tuple[Phase, ...] = (
    week0_readiness.WEEK,
    week1_baseline.WEEK,
    week2_shadow.WEEK,
    week3_parallel.WEEK,
    week4_canary.WEEK,
    week5_canary_soak.WEEK,
    week6_progressive.WEEK,
    week7_full.WEEK,
    week8_cleanup.WEEK,
)


def stage_at(week: int, stage: int) -> Stage:
    """Return one stage of a week."""
    return PHASES[week].stages[stage]


def after(week: int | None, stage: int) -> tuple[int, int] | None:
    """Return the (week, stage) that follows, or None after the last; `week` None is the place before week 0."""
    if week is None:
        return 0, 0
    if stage + 1 < len(PHASES[week].stages):
        return week, stage + 1
    return (week + 1, 0) if week + 1 < len(PHASES) else None
