"""The guard: watches the triggers of the stage and rolls back by itself.

It looks at two speeds. Twice a second every mount is asked by a child; once a second the metrics are weighed and the
deployment is observed, in a thread of its own, because where a side hangs that takes seconds which its clients do not
have. Whatever convicts the canary first decides. What is then done is in `guard_decision.py`; it is carried out by the
engine's own rollback, which takes over from an operator who waits and after the change of one who does not.

A source that does not answer, no data and too few samples never roll back and never pass: from the fourth failure in a
row on, the guard holds and says that it is blind. The heartbeats go on meanwhile, because they need no source.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

from checks.gate import Status as Outcome
from checks.gate import Verdict
from deployment.errors import OperatorError
from deployment.http_ask import ask
from deployment.metrics.source import Metric
from deployment.model import InstanceState, Observation, Side
from phases.calendar import stage_at
from phases.phase import Stage
from runbook import snapshot
from runbook.engine import Engine
from runbook.guard_beats import EVERY, Beats, Pulse
from runbook.guard_decision import HEARTBEAT, LIVE, Decision, Do, Look, decide, on_canary, same_stage, serving_at
from runbook.guard_post import GuardPost
from runbook.judgement import breached
from runbook.snapshot import Snapshot
from runbook.state import State, Status

LOOK_SECONDS = 1.0
GATES_SECONDS = 30.0  # between two measurements of the gates, for whoever asks `status`
BLIND = 4  # failures of the source in a row
FRESH = 5.0  # seconds for which what was seen may be moved by
PROBE_SECONDS = 0.5
AGAIN = 30.0  # seconds after which what failed is tried again, and what was said is said again
#: What can be measured of the side that is gone back to.
OF_BOTH = frozenset({Metric.ERROR_RATIO, Metric.SLOW_SHARE, Metric.OLDEST})

Tell = Callable[[Look, str], None]
Probe = Callable[[InstanceState], str]


class Guard:
    """Watches one deployment."""

    def __init__(
        self, engine: Engine, say: Callable[[str], None], beats: Beats | None = None, probe: Probe | None = None
    ) -> None:
        """Watch the deployment of an engine that is opened for this guard alone.

        Args:
            engine: Rolls back.
            say: Told what is done and why.
            beats: Asks the mounts.
            probe: Says why an instance cannot be gone back to, at once; empty where it can.
        """
        self._engine, self._say, self._probe = engine, say, probe or unfit
        self.beats = beats or Beats()
        self.trouble = ""  # what is wrong now, in words
        self._head = -1
        self._state = State()
        self._failures = 0
        self._gates_at = float("-inf")
        self._not_before = float("-inf")
        self._said = ""
        self._shot: Snapshot | None = None  # the newest picture, the looker's
        self._doubted = float("-inf")  # when it was last doubted whether fusepy is well
        self._again = False  # what was seen is no longer true: look before anything is moved
        live = engine.settings.place.live.absolute()
        self._live = str(Path(os.path.realpath(live.parent), live.name))  # as the kernel names it

    # looking

    def look(self) -> Look:
        """Weigh the triggers and observe the deployment; where a side hangs this takes seconds.

        The triggers come first, and where one fails the deployment is not observed anew: what was seen a second ago is
        enough to go back by.
        """
        engine = self._engine
        now, state = engine.clock.now(), engine.state()
        before = self._shot
        stage, since = watched(state, before.observed if before is not None else Observation())
        verdicts: tuple[Verdict, ...] = ()
        refuge: tuple[Verdict, ...] = ()
        silent = False
        engine.judgement.poll()  # also where nothing is watched: what a stage counts is counted from just before it
        if stage is not None:
            during = replace(state, since=since)
            verdicts = tuple(engine.judgement.triggers(stage, during))
            both = replace(stage, triggers=tuple(t for t in stage.triggers if t.metric in OF_BOTH))
            silent = any(v.status is Outcome.ERROR for v in verdicts)
            if not silent:  # else each question would take a second of its own
                refuge = tuple(engine.judgement.triggers(both, during, Side.STABLE))
        quick = before is not None and same_stage(before.state, state) and not self._again
        failed = breached(verdicts)
        if quick and before is not None and failed is not None and failed.id != HEARTBEAT:
            return Look(now, state, before, verdicts, refuge)
        if stage is not None and not silent and state.pending is None and now - self._gates_at >= GATES_SECONDS:
            self._gates_at = now
            engine.judgement.gates(stage, state)
        self._again = False
        self._shot = snapshot.take(engine)
        return Look(now, state, self._shot, verdicts, refuge)

    def beat(self, look: Look | None) -> None:
        """Take the answers of the mounts and ask them again."""
        self.beats.collect()
        if look is not None:
            self.beats.watch(mounts_of(look, self._live, self.beats.pulses))
        self.beats.begin(changing=self._moved() or self._engine.lock.in_change())

    def _moved(self) -> bool:
        """Tell whether anything was journaled since this was asked last, and keep the state that follows from it."""
        try:
            head = self._engine.journal.head()
            if head == self._head:
                return False
            self._head, self._state = head, self._engine.state()
        except OperatorError as error:
            self.trouble = error.message
        return True

    # deciding and acting

    def judge(self, look: Look) -> None:
        """Decide by what was seen, and do it."""
        self._moved()
        self._count_failures(look)
        decision = decide(look, self._state, self.beats.pulses, blind=self._failures >= BLIND)
        self.trouble = decision.reason
        if decision.do is Do.NOTHING:
            self._said = ""
            return
        now = self._engine.clock.now()
        if now < self._not_before:
            return
        try:
            self._act(decision, look)
        except OperatorError as error:
            self._not_before = now + AGAIN
            self.trouble = f"{decision.reason}; {error.message}"
            self._hold(self.trouble)

    def turn(self) -> Look:
        """Look, decide and act once."""
        look = self.look()
        self.beat(look)
        self.judge(look)
        return look

    def _act(self, decision: Decision, look: Look) -> None:
        engine = self._engine
        match decision.do:
            case Do.HOLD:
                self._hold(decision.reason)
            case Do.REPAIR:
                self._say(f"! {decision.reason}")
                moved = engine.repair_live()
                if moved is not None:
                    self._say(f"repaired in {moved.seconds:.2f} s; journal #{moved.journal}")
                self._not_before = engine.clock.now() + 2 * LOOK_SECONDS  # by then it is seen
            case Do.ROLL_BACK:
                at_once = decision.at_once and engine.clock.now() - look.snapshot.at < FRESH
                if at_once and (fault := self._doubt(look)):
                    if self._look_again(look, fault):
                        return
                    at_once = False
                self._say(f"! {decision.reason}")
                for word in decision.loud:
                    self._say(f"! {word}")
                moved = engine.rollback(
                    reason=decision.reason,
                    automatic=decision.automatic,
                    evidence={**decision.evidence, "verdicts": [asdict(v) for v in look.verdicts]},
                    seen=look.snapshot.observed if at_once else None,
                )
                self._say(f"rolled back to fusepy in {moved.seconds:.2f} s; journal #{moved.journal}")
                self._say("it holds until `lighthouse-migrate advance --reason TEXT`")

    def _doubt(self, look: Look) -> str:
        """Ask fusepy itself, before anybody is sent there by what was seen a moment ago; return what is wrong."""
        stable = serving_at(look.snapshot.observed, Side.STABLE)
        return "" if stable is None else self._probe(stable)

    def _look_again(self, look: Look, fault: str) -> bool:
        """Tell whether to wait for a picture that is newer than the doubt; by that one the engine decides."""
        now = self._engine.clock.now()
        if now - self._doubted > AGAIN:
            self._doubted, self._again = now, True
            self._say(f"! fusepy does not seem well ({fault}): looking again before anything is moved")
            return True
        return look.snapshot.at < self._doubted

    def _hold(self, reason: str) -> None:
        """Say and journal once that the walk holds."""
        kind = reason.partition(":")[0]
        if kind == self._said:
            return
        self._said = kind
        self._say(f"! HOLD {reason}")
        self._engine.write("held", week=self._state.week, reason=reason, by="guard")

    def _count_failures(self, look: Look) -> None:
        if look.judged:
            return
        look.judged = True
        failed = any(v.status is Outcome.ERROR for v in look.verdicts)
        if not failed and self._failures >= BLIND:
            self._say("the metrics answer again")
            self._engine.write("metrics-answer", week=self._state.week)
        self._failures = self._failures + 1 if failed else 0

    # the two speeds

    def run(self, stop: threading.Event, post: GuardPost, tell: Tell | None = None) -> None:
        """Watch until told to stop.

        Args:
            stop: Ends it between two actions.
            post: Where it writes down that it looks.
            tell: Told of every look and of what is wrong.
        """
        looker = _Looker(self, stop)
        looker.start()
        told: Look | None = None
        try:
            while not stop.is_set():
                look = looker.newest
                self.beat(look)
                if look is not None:
                    self.judge(look)
                late = looker.late(self._engine.clock.now())
                post.look(late or self.trouble, [name for name, pulse in self.beats.pulses.items() if pulse.beats])
                if tell is not None and look is not None and look is not told:
                    tell(look, late or self.trouble)
                    told = look
                looker.fresh.wait(EVERY)
                looker.fresh.clear()
        finally:
            stop.set()
            self.beats.end()


class _Looker(threading.Thread):
    """Looks once a second. A look that hangs is left behind."""

    def __init__(self, guard: Guard, stop: threading.Event) -> None:
        super().__init__(name="guard's look", daemon=True)
        self._guard, self._stop_asked = guard, stop
        self.newest: Look | None = None
        self.fresh = threading.Event()
        self._error = ""

    def run(self) -> None:
        due = time.monotonic()
        while not self._stop_asked.is_set():
            try:
                self.newest, self._error = self._guard.look(), ""
                self.fresh.set()
            except OperatorError as error:
                self._error = error.message
            except Exception as error:  # noqa: BLE001 - the boundary of the thread: said at every look, and looked again
                self._error = f"this is a bug: {type(error).__name__}: {error}"
            due = max(due + LOOK_SECONDS, time.monotonic())
            self._stop_asked.wait(due - time.monotonic())

    def late(self, now: float) -> str:
        """Return why there is no fresh look, or an empty string."""
        if self._error:
            return self._error
        if self.newest is not None and now - self.newest.at > 10 * LOOK_SECONDS:
            return f"it has seen nothing for {now - self.newest.at:.0f} s"
        return ""


def unfit(instance: InstanceState) -> str:
    """Return why a Bridge cannot be gone back to, by its own word, within half a second; empty where it can."""
    answer = ask({instance.name: f"http://{instance.address}/health"}, PROBE_SECONDS)[instance.name]
    return "" if answer.status == 200 else answer.error or f"its API says {answer.status}"


def watched(state: State, seen: Observation) -> tuple[Stage | None, float]:
    """Return the stage whose triggers are watched, and since when it is applied.

    An advance is watched from its start, once clients are on the canary: what is only just being started has nobody to
    hurt, and does not answer yet. Heartbeats are then left to the guard's own, which know which instance serves.
    """
    if state.pending is not None and state.pending.kind == "advance" and state.pending.week is not None:
        if not on_canary(seen):
            return None, 0.0
        stage, since = stage_at(state.pending.week, state.pending.stage), state.pending.since
        stage = replace(stage, triggers=tuple(t for t in stage.triggers if t.metric is not Metric.RESPONSIVE))
    elif state.status is Status.IN and state.pending is None and state.week is not None:
        stage, since = stage_at(state.week, state.stage), state.since
    else:
        return None, 0.0
    return (stage, since) if stage.triggers else (None, 0.0)


def mounts_of(look: Look, live: str, known: Mapping[str, Pulse]) -> dict[str, str]:
    """Return the mounts to ask: of what serves each side once it was ready, and the stable path once it shows one."""
    seen = look.snapshot.observed
    paths = {}
    for side in Side:
        serving = serving_at(seen, side)
        if serving is not None and serving.mount and (serving.ready or serving.name in known):
            paths[serving.name] = serving.mount
    return {**paths, LIVE: live} if paths and seen.live_detail != "not mounted" else paths
