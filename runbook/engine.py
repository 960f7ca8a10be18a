"""The engine: brings the deployment that is observed to the one that is wanted, and writes down what it did.

Advance, rollback and resume are the same movement towards different deployments; `Walker` makes it. What differs is
what must be true first: away from fusepy everything is asked, towards fusepy nothing is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any

from deployment.errors import HeldError, OperatorError, UnreachableError, UsageError
from deployment.model import Deployment, Image, Kind, Observation
from deployment.targets.target import Target
from phases.calendar import PHASES, after, stage_at
from phases.deployments import SAFE
from phases.phase import Phase, Stage
from runbook.clock import Clock
from runbook.journal import Journal
from runbook.judgement import Judgement, remedy_of
from runbook.lock import OperatorLock
from runbook.purge import Purge
from runbook.settings import Settings
from runbook.soak import BreachError, Soak, when
from runbook.state import LAST_WEEK, State, Status, fold
from runbook.steps import ChangeStep, Step, Walker, Wanted, digest, steps


@dataclass(frozen=True, slots=True)
class Proposal:
    """What an advance is about to do, for a person to agree to."""

    phase: Phase
    stage: Stage
    steps: tuple[Step, ...]
    name: str  # the deployment's, to be typed where the phase wants it

    @property
    def id(self) -> str:
        """Return the plan's short name."""
        return digest(self.steps)


@dataclass(frozen=True, slots=True)
class Moved:
    """How a movement ended."""

    kind: str  # "advance", "rollback", "repair" or "finish"
    week: int | None
    stage: int
    changes: tuple[dict[str, Any], ...]
    seconds: float
    journal: int  # number of the event that records it


Consent = Callable[[Proposal], None]
AGAIN = 2.0  # seconds until a check that could not know is asked again


class Engine:
    """Walks one deployment through the weeks."""

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        target: Target,
        judgement: Judgement,
        purge: Purge | None,
        clock: Clock,
        say: Callable[[str], None],
    ) -> None:
        self.settings, self.journal, self.target, self.clock, self.say = settings, journal, target, clock, say
        self.lock = OperatorLock(settings.place.state)
        self.judgement = judgement
        self._purge = purge
        self._walker = Walker(target, clock, self.lock, say)
        self._soak = Soak(settings, judgement, clock, self.lock, say, self.write)
        self._folded = State()  # as far as it was read: a guard asks several times a second, for months

    # where we are

    def state(self) -> State:
        """Return where the walk is, by the journal."""
        before = self._folded  # threads ask at once, and each goes on from one whole state
        self._folded = state = fold(self.journal.events(before.head), before)
        return state

    def wanted(self, state: State) -> Wanted | None:
        """Return what the deployment should be now, or None before the first week."""
        if state.status is Status.ROLLED_BACK:
            return Wanted(self._safe(state))
        if state.week is None:
            return None
        return self._wanted_at(state.week, state.stage)

    def next(self, state: State) -> tuple[int, int] | None:
        """Return the (week, stage) an advance would enter, or None after the last."""
        if state.status is Status.ROLLED_BACK:
            week, stage = state.resume_at
            return (0, 0) if week is None else (week, stage)
        if state.status is Status.FINISHED:
            return None
        return after(state.week, state.stage)

    def plan(self) -> tuple[Step, ...]:
        """Return what an advance would do: end what was begun, repair what differs from this stage, or go on."""
        state = self.state()
        if state.pending is not None and state.pending.kind == "rollback":
            return self.plan_rollback(None)
        now = self.wanted(state)
        if state.pending is None and now is not None and (repair := steps(self.target, now)):
            return repair
        there = self.next(state)
        return () if there is None else steps(self.target, self._wanted_at(*there))

    def plan_rollback(self, to: int | None) -> tuple[Step, ...]:
        """Return what a rollback would do."""
        state = self._state_if_possible()
        return steps(self.target, self._wanted_back(state, to))

    def soaked_at(self, state: State) -> float:
        """Return the Unix time at which this stage's soak ends."""
        return state.since + self.soak_of(state).total_seconds()

    def soak_of(self, state: State) -> timedelta:
        """Return how long this stage soaks: the settings' word, else the week's own."""
        if state.week is None:
            return timedelta(0)
        return self.settings.soak.get(state.week, stage_at(state.week, state.stage).soak)

    # the three movements

    def advance(self, consent: Consent, *, wait: bool = False, reason: str = "") -> Moved:
        """Leave this stage and enter the next one.

        Args:
            consent: Shown what is about to be done; raises to refuse.
            wait: Wait for the soak and for gates that are not conclusive yet, watching the triggers.
            reason: Why the walk is taken up again; needed after an automatic rollback.

        Raises:
            HeldError: A soak, a gate or a check says no.
            ChangeFailedError: A change failed; the stage it came from was brought back.
        """
        with self.lock.held("advance"):
            began = self.clock.now()
            state = self.state()
            if state.pending is not None and state.pending.kind == "rollback":
                return self._complete_rollback(state, began)
            self._leave(state, consent, wait=wait, reason=reason)
            there = self.next(state)
            if there is None:
                event = self.write("finished", week=state.week)
                return Moved("finish", state.week, state.stage, (), self.clock.now() - began, event)
            return self._enter(there, state, consent, began)

    def rollback(
        self,
        to: int | None = None,
        *,
        reason: str = "",
        automatic: bool = False,
        evidence: Mapping[str, Any] | None = None,
        seen: Observation | None = None,
    ) -> Moved:
        """Bring fusepy back to every client, or the deployment of an earlier week.

        It asks nothing, takes the lock over, and goes on where the journal cannot be written.

        Args:
            to: The earlier week.
            reason: Why, for the journal.
            automatic: Nobody asked for it: the walk holds until a person says why it may go on.
            evidence: What an automatic rollback was decided by.
            seen: What was seen a moment ago, to move by at once.
        """
        began = self.clock.now()
        with self.lock.taken_over("rollback") as alone:
            if not alone:
                self.say(f"! a change does not end ({self.lock.holder()}); going on meanwhile: towards fusepy is safe")
            state = self._state_if_possible()
            if automatic and state.status is Status.ROLLED_BACK and state.pending is None and state.since >= began:
                return Moved("rollback", to, 0, (), self.clock.now() - began, state.head)  # another did it meanwhile
            if to is not None and (state.week is None or to > state.week or to == 8):
                raise UsageError(f"week {to} is not behind week {state.week}", "`lighthouse-migrate status`")
            wanted = self._wanted_back(state, to, seen)
            what: dict[str, Any] = {"week": state.week, "reason": reason, "automatic": automatic}
            proof = {} if evidence is None else {"evidence": dict(evidence)}
            self._write_if_possible("rollback-started", stage=state.stage, to=to, **what, **proof)
            changes = self._walker.bring(wanted, self._write_if_possible, seen)
            seconds = self.clock.now() - began
            what["seconds"] = round(seconds, 3)
            event = self._write_if_possible("rolled-back", **what)
            if to is not None:
                event = self._write_if_possible("entered", week=to, stage=0, name=PHASES[to].name)
            return Moved("rollback", to, 0, tuple(changes), seconds, event)

    def repair_live(self) -> Moved | None:
        """Show the mount that this stage wants on a stable path that died, where nothing else differs.

        Returns None where something else is the matter, or nothing.
        """
        began = self.clock.now()
        with self.lock.held("repair"):
            state = self.state()
            wanted = self.wanted(state)
            if state.pending is not None or state.week is None or wanted is None:
                return None
            todo = steps(self.target, wanted)
            if not todo or not all(isinstance(s, ChangeStep) and s.change.kind is Kind.LIVE for s in todo):
                return None
            changes = self._walker.bring(wanted, self.write)
            event = self.write("repaired", week=state.week, stage=state.stage, changes=[c["change"] for c in changes])
            return Moved("repair", state.week, state.stage, tuple(changes), self.clock.now() - began, event)

    def override(self, gate: str, reason: str) -> None:
        """Let one gate or check of this stage pass for a reason, until the stage is left."""
        if not reason.strip():
            raise UsageError(f"overriding {gate} needs a reason", f"`advance --override {gate} --reason TEXT`")
        state = self.state()
        stage = None if state.week is None else stage_at(state.week, state.stage)
        known = {*stage.exit, *(t.id for t in stage.gates)} if stage else set()
        there = self.next(state)
        if there is not None:
            known |= set(stage_at(*there).entry)
        if gate not in known:
            raise UsageError(f"{gate!r} is no gate or check here", f"known here: {', '.join(sorted(known))}")
        self.write("overridden", id=gate, reason=reason)

    # the sentences of an advance

    def _complete_rollback(self, state: State, began: float) -> Moved:
        """End a rollback whose tool died; the walk is taken up again by the next advance."""
        self.say("! a rollback was interrupted; completing it")
        changes = self._walker.bring(self._wanted_back(state, None), self.write)
        seconds = self.clock.now() - began
        asked = state.pending
        reason = (asked.reason if asked else "") or "an interrupted rollback, completed"
        automatic = asked is not None and asked.automatic
        event = self.write("rolled-back", week=state.week, seconds=seconds, reason=reason, automatic=automatic)
        return Moved("rollback", None, 0, tuple(changes), seconds, event)

    def _leave(self, state: State, consent: Consent, *, wait: bool, reason: str) -> None:
        """Refuse to leave a stage that has not earned it."""
        if state.status is Status.ROLLED_BACK:
            if state.automatic and not reason.strip():
                raise HeldError(
                    f"the last rollback was automatic: {state.reason}", "`lighthouse-migrate advance --reason TEXT`"
                )
            if state.automatic:
                self.write("resumed", week=state.week, reason=reason, after=state.reason)
            return
        if state.week is None:
            return
        if state.pending is not None:
            self.say(f"! an advance was interrupted at {state.pending.change or 'its start'}; completing it")
            return  # the stage was left before the tool died
        stage = stage_at(state.week, state.stage)
        self._repair(state, stage, consent)
        try:
            self._soak.out(stage, state, self.soaked_at(state), wait=wait)
            self._ask_to_leave(stage, state, wait=wait)
        except BreachError as breach:
            moved = self.rollback(reason=breach.verdict.reason, automatic=True, evidence=asdict(breach.verdict))
            raise HeldError(
                f"rolled back to fusepy in {moved.seconds:.2f} s: {breach.verdict.reason}",
                "`lighthouse-migrate history` has the evidence; then `advance --reason TEXT`",
            ) from breach

    def _ask_to_leave(self, stage: Stage, state: State, *, wait: bool) -> None:
        """Refuse to leave while a check says no; what cannot be known yet is asked again, as gates are."""
        end = self.clock.now() + self.settings.patience
        asked = stage.exit
        while refused := self.judgement.refusals(asked, state):
            known = [r for r in refused if r.finding is not None and r.finding.severity != "unknown"]
            if known or not wait or self.clock.now() >= end:
                raise _refusal(f"week {state.week} cannot be left", known or refused)
            asked = tuple(r.check.id for r in refused)
            self.say(f"  not known yet: {', '.join(asked)}; asked again every {AGAIN:g} s until {when(end)}")
            self._soak.out(stage, state, self.clock.now() + AGAIN, wait=True)

    def _repair(self, state: State, stage: Stage, consent: Consent) -> None:
        """Bring back what differs from this stage, so that it is judged by what it should be."""
        now = self.wanted(state)
        if state.week is None or now is None or not (todo := steps(self.target, now)):
            return
        self.say("! what is observed differs from this week's deployment")
        self._ask(consent, Proposal(PHASES[state.week], stage, todo, self.settings.name))
        changes = self._walker.bring(now, self.write)
        self.write("repaired", week=state.week, stage=state.stage, changes=[c["change"] for c in changes])

    def _enter(self, there: tuple[int, int], state: State, consent: Consent, began: float) -> Moved:
        week, number = there
        phase, stage = PHASES[week], stage_at(week, number)
        self.say(f"week {week} {phase.name}, {stage.name}: {phase.goal}")
        refused = self.judgement.refusals(stage.entry, state)
        if refused:
            raise _refusal(f"week {week} cannot be entered", refused)
        wanted = self._wanted_at(week, number)
        self._ask(consent, Proposal(phase, stage, steps(self.target, wanted), self.settings.name))
        self.write("advance-started", week=week, stage=number)
        try:
            changes = self._walker.bring(wanted, self.write)
        except OperatorError as error:
            self._undo(state, error)
            raise
        event = self.write("entered", week=week, stage=number, name=phase.name, stage_name=stage.name)
        return Moved("advance", week, number, tuple(changes), self.clock.now() - began, event)

    def _ask(self, consent: Consent, proposal: Proposal) -> None:
        """Ask for agreement, which is void if a rollback took over while it was thought about."""
        consent(proposal)
        self.lock.safe_point()

    def _undo(self, state: State, error: OperatorError) -> None:
        """Bring back the stage an advance came from, and report both failures if that fails too."""
        if isinstance(error, HeldError):
            return  # a rollback took over: it decides where the deployment goes
        back = self.wanted(replace(state, pending=None))
        try:
            if back is not None:
                self.say(f"! {error.message}; bringing back what was there")
                self._walker.bring(back, self.write)
            self.write("advance-failed", week=state.week, error=error.message, undone=True)
        except OperatorError as second:
            self.write("advance-failed", week=state.week, error=error.message, undone=False, second=second.message)
            raise UnreachableError(
                f"{error.message}; and bringing back what was there failed too: {second.message}",
                "`lighthouse-migrate rollback`",
            ) from error

    # what is wanted where

    def _wanted_at(self, week: int, number: int) -> Wanted:
        stage = stage_at(week, number)
        deployment = stage.deployment
        if stage.cleanup and self.settings.keep_dual:
            keeping = self._purge.keeping if self._purge is not None else tuple
            return Wanted(PHASES[7].stages[-1].deployment, last=keeping)
        if stage.cleanup and self._purge is not None:
            return Wanted(deployment, self._purge.first, self._purge.last)
        return Wanted(deployment)

    def _wanted_back(self, state: State, to: int | None, seen: Observation | None = None) -> Wanted:
        """Return what a rollback goes to; from week 8 with what the archive gives back."""
        there = Wanted(self._safe(state, seen)) if to is None else self._wanted_at(to, 0)
        if self._purge is None or LAST_WEEK not in (state.week, state.pending.week if state.pending else None):
            return there
        return replace(there, first=self._purge.back, last=self._purge.shown_again)

    def _safe(self, state: State, seen: Observation | None = None) -> Deployment:
        """Return fusepy for everyone, with whatever images are there kept: a rollback removes nothing."""
        kept = (self.target.observe() if seen is None else seen).images
        if state.week in (None, 0):
            week0 = PHASES[0].stages[0].deployment
            return replace(week0, images=kept | {Image.FUSE2})
        return replace(SAFE, images=kept | {Image.DUAL})

    # the journal

    def write(self, kind: str, **data: Any) -> int:
        """Append to the journal and return the event's number."""
        return self.journal.append(self.clock.now(), kind, **data).seq

    def _state_if_possible(self) -> State:
        try:
            return self.state()
        except OperatorError as error:
            self.say(f"! {error.message}; going on without it")
            return State(status=Status.IN, week=LAST_WEEK)

    def _write_if_possible(self, kind: str, **data: Any) -> int:
        """Append to the journal, and say it loudly where that fails: a full disk must not stop a rollback."""
        try:
            return self.write(kind, **data)
        except OperatorError as error:
            self.say(f"! not journaled: {kind} {data}: {error.message}")
            return 0


def _refusal(what: str, refused: list[Any]) -> HeldError:
    first = refused[0]
    others = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
    remedy = remedy_of(first) or "see `lighthouse-migrate check`"
    return HeldError(
        f"{what}: {first.check.id}: {first.finding.seen}{others}",
        f"{remedy}; or `advance --override {first.check.id} --reason TEXT`",
    )
