"""Week 8's steps beyond the deployment: the archive first, then the project's purge, then the proof."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from runbook.settings import Settings
from runbook.steps import Say, Step


@dataclass(frozen=True, slots=True)
class ActionStep:
    """Something of the cleanup, as a step of the plan."""

    subject: str
    before: str
    after: str
    undo: str
    act: Callable[[Say], None]
    holds: Callable[[], str | None]

    def apply(self, say: Say) -> None:
        self.act(say)

    def unverified(self) -> str | None:
        return self.holds()


def steps_of_cleanup(settings: Settings) -> tuple[Step, ...]:
    """Return what is still to be purged from the project, empty when nothing is."""
    if settings.project is None:
        return ()
    from cleanup import plan as cleanup_plan  # its parsers are heavy, and only week 8 needs them

    return tuple(
        ActionStep(a.subject, a.before, a.after, a.undo, a.apply, a.holds)
        for a in cleanup_plan.actions(settings.project)
    )
