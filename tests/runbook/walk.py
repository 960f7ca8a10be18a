"""A walk in a simulated world: an injected clock, scripted verdicts, and everything else real."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from checks.check import Finding, Severity
from checks.gate import Status, Threshold, Verdict
from checks.registry import CHECKS
from checks.runner import Result
from deployment.model import Side
from phases.phase import Stage
from runbook.engine import Engine, Moved, Proposal
from runbook.journal import Journal
from runbook.judgement import Judgement
from runbook.settings import Settings, parse
from runbook.state import State
from tests.deployment.world import World

#: Weeks of half a minute: a soak is watched every second, and a simulated one is no exception.
SHORT = 'name = "test"\n[soak]\n' + "\n".join(f'week{week} = "30s"' for week in range(1, 8))


class FakeClock:
    """Time that passes only when somebody waits."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.time = now
        self.on_sleep: Callable[[], None] = lambda: None

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += max(seconds, 0.001)
        self.on_sleep()


class ScriptedJudgement(Judgement):
    """Judges as the test says; what is not named is fine."""

    def __init__(self) -> None:
        self.findings: dict[str, Finding] = {}
        self.verdicts: dict[str, Status] = {}
        self.asked: list[str] = []
        self.polls = 0

    def poll(self) -> None:
        self.polls += 1

    def check(self, ids: Sequence[str], state: State) -> list[Result]:
        self.asked += ids
        return [Result(CHECKS[i], self.findings.get(i), 0.0) for i in ids]

    def gates(self, stage: Stage, state: State) -> list[Verdict]:
        return [self._verdict(t) for t in stage.gates]

    def triggers(self, stage: Stage, state: State, side: Side = Side.CANARY) -> list[Verdict]:
        return [self._verdict(t, "trigger:" if side is Side.CANARY else "refuge:") for t in stage.triggers]

    def _verdict(self, threshold: Threshold, prefix: str = "") -> Verdict:
        status = self.verdicts.get(prefix + threshold.id, Status.PASS)
        return Verdict(threshold.id, status, 0.0, threshold.limit, threshold.window, 1, f"scripted {status}")


class Walk:
    """An engine over a simulated world, and what it said."""

    def __init__(self, folder: Path, text: str = "") -> None:
        self.settings: Settings = parse(folder / "lighthouse-migrate.toml", text or SHORT)
        self.world = World()
        self.clock = FakeClock()
        self.said: list[str] = []
        self.journal = Journal(self.settings.journal)
        self.judgement = ScriptedJudgement()
        self.engine = self.reopened()

    def reopened(self) -> Engine:
        """Return an engine as a new process would make it: from the journal alone."""
        return Engine(self.settings, self.journal, self.world, self.judgement, None, self.clock, self.said.append)

    def advance(self, **options: object) -> Moved:
        return self.engine.advance(agree, **options)  # type: ignore[arg-type]

    def to(self, week: int, stage: int = 0) -> None:
        """Advance until that stage is entered."""
        while (state := self.engine.state()).week != week or state.stage != stage:
            self.advance(wait=True)

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.journal.events()]


def agree(_proposal: Proposal) -> None:
    """Agree."""


def failing(seen: str = "it is broken") -> Finding:
    return Finding(seen, remedy="repair it")


def unknown() -> Finding:
    return Finding("it could not be found out", severity=Severity.UNKNOWN)
