"""Steps: the difference between what is observed and what is wanted, each applied, verified and written down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from deployment.errors import ChangeFailedError, OperatorError
from deployment.model import Change, Deployment, Kind, Observation
from deployment.plan import holds, plan
from deployment.targets.target import Say, Target
from runbook.clock import Clock
from runbook.lock import OperatorLock

Write = Callable[..., object]
#: How long a change may take to be seen after it was applied, seconds.
VERIFY_SECONDS = 15.0
#: A change may uncover another (a shadow's address is known only once it runs); more rounds than this is a fault.
ROUNDS = 4


class Step(Protocol):
    """One thing to do, whatever it acts on."""

    @property
    def subject(self) -> str: ...
    @property
    def before(self) -> str: ...
    @property
    def after(self) -> str: ...
    @property
    def undo(self) -> str: ...
    @property
    def purges(self) -> bool:
        """Tell whether it takes something of the old backend away."""

    def apply(self, say: Say) -> None:
        """Do it; doing it twice is doing it once."""

    def unverified(self) -> str | None:
        """Return None where the world shows it done, else what is seen instead."""


@dataclass(frozen=True, slots=True)
class ChangeStep:
    """A change of the deployment."""

    change: Change
    target: Target

    @property
    def subject(self) -> str:
        return self.change.subject

    @property
    def before(self) -> str:
        return self.change.before

    @property
    def after(self) -> str:
        return self.change.after

    @property
    def undo(self) -> str:
        return self.change.undo

    @property
    def purges(self) -> bool:
        return self.change.kind is Kind.REMOVE

    def apply(self, say: Say) -> None:
        self.target.apply(self.change, say)

    def unverified(self) -> str | None:
        return holds(self.change, self.target.observe())


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where a movement goes: a deployment, and in week 8 also a project that is purged."""

    deployment: Deployment
    first: Callable[[], tuple[Step, ...]] = tuple  # steps before the deployment changes, found when they are needed
    last: Callable[[], tuple[Step, ...]] = tuple  # and after it


def steps(target: Target, wanted: Wanted, seen: Observation | None = None) -> tuple[Step, ...]:
    """Return what is to be done, by what was seen a moment ago or by what is there now; empty where all is well."""
    changes = plan(target.observe() if seen is None else seen, wanted.deployment)
    return (*wanted.first(), *(ChangeStep(c, target) for c in changes), *wanted.last())


def digest(todo: tuple[Step, ...]) -> str:
    """Return a short name for a plan: the same changes have the same name."""
    import hashlib

    text = "\n".join(f"{s.subject}|{s.before}|{s.after}" for s in todo)
    return "plan-" + hashlib.sha256(text.encode()).hexdigest()[:6]


def line(number: int, count: int, step: Step) -> str:
    """Return how a step reads in a narration."""
    return f"{number}/{count} {step.subject:<16} {step.before} → {step.after}"


class Walker:
    """Brings the world to what is wanted, one verified and journaled step at a time."""

    def __init__(self, target: Target, clock: Clock, lock: OperatorLock, say: Say) -> None:
        self._target, self._clock, self._lock, self._say = target, clock, lock, say

    def bring(self, wanted: Wanted, write: Write, seen: Observation | None = None) -> list[dict[str, Any]]:
        """Do every step and return what was done, with seconds.

        Args:
            wanted: Where to.
            write: Writes the journal.
            seen: What was seen a moment ago: where a side hangs, looking takes seconds that its clients do not have.

        Raises:
            ChangeFailedError: A step could not be done or not be verified; the steps before it hold.
            LetGoError: A rollback asked for the lock.
        """
        done: list[dict[str, Any]] = []
        for _ in range(ROUNDS):
            todo, seen = steps(self._target, wanted, seen), None
            if not todo:
                return done
            for number, step in enumerate(todo, 1):
                with self._lock.changing():
                    done.append(self._do(number, len(todo), step, write))
        left = ", ".join(s.subject for s in steps(self._target, wanted))
        if left:
            raise ChangeFailedError(
                f"the deployment does not come to rest: {left} differs again after {ROUNDS} rounds",
                "something else changes it; `lighthouse-migrate plan` shows what differs",
            )
        return done

    def _do(self, number: int, count: int, step: Step, write: Write) -> dict[str, Any]:
        what = {
            "change": step.subject,
            "before": step.before,
            "after": step.after,
            "undo": step.undo,
            "purges": step.purges,
        }
        write("change-started", **what)
        began = self._clock.now()
        try:
            step.apply(lambda text: self._say(f"    {text}"))
            self._verify(step)
        except OperatorError as error:
            write("change-failed", **what, error=error.message)
            raise
        seconds = round(self._clock.now() - began, 3)
        write("change-done", **what, seconds=seconds)
        self._say(f"{line(number, count, step)}   verified   {seconds:.2f} s")
        return {**what, "seconds": seconds}

    def _verify(self, step: Step) -> None:
        until = self._clock.now() + VERIFY_SECONDS
        while (seen := step.unverified()) is not None:
            if self._clock.now() >= until:
                raise ChangeFailedError(
                    f"{step.subject} was changed to {step.after} but is not seen to be: {seen}",
                    f"undo: {step.undo}; `lighthouse-migrate check` looks for the cause",
                )
            self._clock.sleep(0.05)
