"""The soak: waiting by design, with the triggers watched every second, until the gates of the stage agree."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict

from checks.gate import Status, Verdict
from deployment.errors import HeldError
from phases.phase import Stage
from runbook.clock import Clock
from runbook.judgement import Judgement, breached, passing
from runbook.lock import OperatorLock
from runbook.settings import Settings
from runbook.state import State

TICK = 1.0  # seconds


class BreachError(Exception):
    """A trigger failed: the deployment must go back to fusepy."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.reason)
        self.verdict = verdict


class Soak:
    """Waits out one stage."""

    def __init__(
        self,
        settings: Settings,
        judgement: Judgement,
        clock: Clock,
        lock: OperatorLock,
        say: Callable[[str], None],
        write: Callable[..., object],
    ) -> None:
        self._settings, self._judgement, self._clock, self._lock, self._say = settings, judgement, clock, lock, say
        self._write = write

    def out(self, stage: Stage, state: State, until: float, *, wait: bool) -> None:
        """Return once the soak is over and every gate passes.

        Raises:
            BreachError: A trigger failed.
            HeldError: It is not over, or a gate does not pass, and there is no waiting left.
        """
        end = until + self._settings.patience
        said = 0.0
        held = ""  # what is known to hold
        while True:
            self._lock.safe_point()
            self._judgement.poll()
            if (verdict := breached(self._judgement.triggers(stage, state))) is not None:
                raise BreachError(verdict)
            now = self._clock.now()
            verdicts = self._judgement.gates(stage, state)
            if now >= until and passing(verdicts, state):
                if verdicts:
                    self._write(
                        "gates-passed", week=state.week, stage=state.stage, verdicts=[asdict(v) for v in verdicts]
                    )
                return
            if now >= until and (first := _first(verdicts, state)).id != held:
                held = first.id
                self._write("held", week=state.week, reason=brief(first), evidence=asdict(first))
            if not wait or now >= end:
                raise self._held(verdicts, state, until, now)
            if now - said >= _pause(now - state.since):
                said = now
                self._say(f"  {describe(verdicts, until, now)}")
            self._clock.sleep(min(TICK, max(0.05, until - now)) if now < until else TICK)

    def _held(self, verdicts: Sequence[Verdict], state: State, until: float, now: float) -> HeldError:
        week = f"week {state.week} cannot be left"
        if now < until:
            return HeldError(f"{week}: it soaks until {when(until)}", "wait, or `advance --wait`")
        first = _first(verdicts, state)
        return HeldError(
            f"{week}: {brief(first)}",
            f"`advance --wait` waits until it clears, or `advance --override {first.id} --reason TEXT`",
        )


def _first(verdicts: Sequence[Verdict], state: State) -> Verdict:
    """Return the first verdict that holds."""
    return next(v for v in verdicts if v.status is not Status.PASS and v.id not in state.overrides)


def describe(verdicts: Sequence[Verdict], until: float, now: float) -> str:
    """Return one line: what is waited for, until when, and why."""
    left = until - now
    head = f"soak {left:.0f} s left" if left > 0 else "soak is over"
    return " | ".join([head, *(brief(v) for v in verdicts)])


def brief(verdict: Verdict) -> str:
    """Return a verdict's reason, with its id where the reason does not name it."""
    named = verdict.id.replace("-", " ") in verdict.reason
    return verdict.reason if named else f"{verdict.id}: {verdict.reason}"


def when(at: float) -> str:
    """Return a time as a person reads it, in local time."""
    return time.strftime("%a %Y-%m-%d %H:%M:%S", time.localtime(at))


def _pause(waited: float) -> float:
    """Return how long to keep silent: lines thin out as a wait ages."""
    return 2.0 if waited < 60 else 60.0 if waited < 3600 else 600.0
