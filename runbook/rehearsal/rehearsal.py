"""The rehearsal: the nine weeks on real mounts under real load, with a rollback in the middle, in a few minutes.

It walks with the very engine an operator walks with; only the soaks are shorter and the folder is a sandbox.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from checks import boundary
from deployment.errors import HeldError, OperatorError
from deployment.model import Side
from deployment.targets.target import Say
from phases.calendar import PHASES
from runbook.assembly import assemble
from runbook.engine import Engine, Moved, Proposal
from runbook.journal import Journal
from runbook.rehearsal.janitor import Janitor
from runbook.rehearsal.ledger import Totals
from runbook.rehearsal.leftovers import left_behind
from runbook.rehearsal.sample_project import commit, make
from runbook.rehearsal.sandbox import Sandbox
from runbook.settings import Settings
from runbook.state import Status

#: Seconds each week soaks at pace 1. Week 3 is long enough for 3,000 comparisons.
SOAK = {0: 0.0, 1: 3.0, 2: 5.0, 3: 12.0, 4: 6.0, 5: 8.0, 6: 5.0, 7: 8.0, 8: 0.0}
ROLL_BACK_IN = (6, 1)  # week and stage: the middle of week 6


@dataclass(slots=True)
class Outcome:
    """What a rehearsal showed."""

    weeks: dict[int, float] = field(default_factory=dict)  # seconds spent in each
    rollback_seconds: float | None = None
    rolled_back_to: str = ""
    purged: list[str] = field(default_factory=list)
    totals: Totals | None = None
    left_behind: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Tell whether every week was walked, nothing failed and nothing was left behind."""
        walked = set(self.weeks) == set(range(9)) and self.rollback_seconds is not None
        served = self.totals is not None and self.totals.finished and self.totals.failed == 0
        return walked and served and not self.left_behind


class Rehearsal:
    """One walk through a sandbox."""

    def __init__(self, folder: Path, say: Say, *, target: str = "local", pace: float = 1.0, rate: float) -> None:
        self._sandbox = Sandbox(folder, say)
        self._say, self._target, self._pace, self._rate = say, target, pace, rate
        self.outcome = Outcome()

    def run(self) -> Outcome:
        """Walk, and tear everything down however the walk ends.

        Raises:
            OperatorError: The walk ended early; the outcome has what was seen until then.
        """
        began = time.monotonic()
        box = self._sandbox
        self._say(f"sandbox {box.folder}: a sample project, a Bridge on fusepy, a router and clients")
        make(box.project)
        soak = {week: seconds * self._pace for week, seconds in SOAK.items()}
        settings = box.write_settings(soak, self._target, iterations=40, comparisons=3000)
        janitor = Janitor(settings.path)
        journal = Journal(settings.journal)
        engine = assemble(settings, journal, self._say)
        engine.write("initialised", name=settings.name, target=settings.target)
        try:
            self._walk(engine, settings)
            self.outcome.totals = box.stop_load()
            self._prove(engine)
        finally:
            self._tear_down(engine, janitor)
            journal.close()
            self.outcome.seconds = time.monotonic() - began
        return self.outcome

    def _walk(self, engine: Engine, settings: Settings) -> None:
        self._timed(engine, 0)
        self._sandbox.start_load(f"http://127.0.0.1:{settings.place.router_port}", self._rate)
        self._repair_boundary(engine, settings)
        while engine.state().status is not Status.FINISHED:
            moved = self._timed(engine)
            if self.outcome.rollback_seconds is None and (moved.week, moved.stage) == ROLL_BACK_IN:
                self._roll_back(engine)

    def _timed(self, engine: Engine, week: int | None = None) -> Moved:
        """Advance once; the time counts for the week that is left, its soak and its checks included."""
        state = engine.state()
        spent_in = week if week is not None else state.week if state.status is Status.IN else state.resume_at[0]
        began = time.monotonic()
        moved = engine.advance(_agree, wait=True)
        assert spent_in is not None
        self.outcome.weeks[spent_in] = self.outcome.weeks.get(spent_in, 0.0) + time.monotonic() - began
        self._report(moved)
        self.outcome.purged += [f"{c['change']}: {c['before']} → {c['after']}" for c in moved.changes if c["purges"]]
        return moved

    def _report(self, moved: Moved) -> None:
        totals = self._sandbox.totals_if_any()
        load = f"; {totals.operations} operations, {totals.failed} failed" if totals else ""
        name = "" if moved.week is None else f" {PHASES[moved.week].name}"
        where = "week 8 is left" if moved.kind == "finish" else f"in week {moved.week}{name}"
        self._say(f"== {where} after {moved.seconds:.1f} s{load}")
        if totals is not None and totals.failed:
            first = totals.failures[0]
            raise OperatorError(
                f"{totals.failed} client operations failed; the first: {first.kind} {first.path}: {first.error}",
                self._look,
            )

    @property
    def _look(self) -> str:
        return f"keep the sandbox with `rehearse --keep` and look at {self._sandbox.folder}"

    def _repair_boundary(self, engine: Engine, settings: Settings) -> None:
        """Repair what the documents' container gets wrong, as `check boundary --fix` does."""
        assert settings.project is not None
        engine.judgement.check(("boundary",), engine.state())
        for repair in boundary.fix(settings.project):
            self._say(f"  repaired {repair.file}")
        commit(settings.project, "Run the Bridge in the container, and nothing else")

    def _roll_back(self, engine: Engine) -> None:
        self._say("== rolling back in the middle of week 6")
        moved = engine.rollback(reason="the rehearsal's own rollback")
        self.outcome.rollback_seconds = moved.seconds
        serving = engine.target.observe().serving(Side.STABLE)
        self.outcome.rolled_back_to = (serving.serving if serving else None) or "nothing"
        if self.outcome.rolled_back_to != "fusepy":
            raise HeldError(f"after the rollback {self.outcome.rolled_back_to} serves, not fusepy", self._look)
        self._say(f"== rolled back to fusepy in {moved.seconds:.2f} s; taking the walk up again")

    def _prove(self, engine: Engine) -> None:
        """Prove by the deployment itself that pyfuse3 alone serves."""
        seen = engine.target.observe()
        canary = seen.serving(Side.CANARY)
        if seen.serving(Side.STABLE) is not None or canary is None or canary.serving != "pyfuse3":
            raise HeldError("after week 8 it is not pyfuse3 alone that serves", self._look)

    def _tear_down(self, engine: Engine, janitor: Janitor) -> None:
        self._say("tearing down")
        if self.outcome.totals is None:
            self.outcome.totals = self._sandbox.totals_if_any()
        self._sandbox.kill_load()
        left = engine.target.destroy(self._say)
        self.outcome.left_behind = tuple(dict.fromkeys((*left, *left_behind(self._sandbox.folder))))
        if not self.outcome.left_behind:
            janitor.dismiss()


def _agree(_proposal: Proposal) -> None:
    """Agree to everything: a rehearsal is asked for as a whole."""
