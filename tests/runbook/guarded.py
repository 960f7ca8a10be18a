"""A guard over a walk in a simulated world: its source and its heartbeats say what the test says."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from checks.check import Context
from deployment.metrics.exposition import SLOW
from deployment.metrics.growth import Growth
from deployment.metrics.series import Slice, Slices
from deployment.metrics.source import Measurement, Metric
from deployment.model import InstanceState, Side
from runbook.engine import Engine
from runbook.guard import Guard
from runbook.guard_beats import Beats, Pulse
from runbook.judgement import Judgement
from runbook.state import State
from tests.runbook.walk import Walk

WELL: Mapping[Metric, float] = {
    **dict.fromkeys(Metric, 0.0),
    Metric.RESPONSIVE: 1.0,
    Metric.UPTIME: 1.0,
    Metric.P95: 0.001,
}


class SaidSource:
    """Measures what the test says."""

    name = "said"

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.values: dict[tuple[Side, Metric], float | None] = {}
        self.samples = 5000
        self.failed = ""
        self.asked = self.polled = 0

    def poll(self) -> None:
        self.polled += 1

    def measure(self, metric: Metric, side: Side, window: float) -> Measurement:
        self.asked += 1
        value = self.values.get((side, metric), WELL[metric])
        found = Measurement(metric, side, window, value, 0 if value is None else self.samples, self._now())
        return replace(found, value=None, samples=0, failed=True, detail=self.failed) if self.failed else found

    def slices(self, side: Side, window: float, step: float) -> Slices:
        """Cut what is slow evenly: no moment is worse than another."""
        slow = self.values.get((side, Metric.SLOW_SHARE), 0.0)
        if self.failed or slow is None or math.isnan(slow):
            return Slices(side, step, failed=bool(self.failed), detail=self.failed or "no series yet")
        count = max(1, round(window / step))
        timed = self.samples / count
        growth = Growth(timed, timed=timed, buckets={repr(SLOW): timed * (1 - slow)}, pairs=1)
        return Slices(side, step, tuple(Slice(self._now() - step * back, step, growth) for back in range(count)[::-1]))


class SaidBeats(Beats):
    """Heartbeats as the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.missed: set[str] = set()
        self.replaced: set[str] = set()

    def begin(self, *, changing: bool = False) -> None:
        for name, pulse in self.pulses.items():
            for _ in range(3):
                self._note(pulse, name not in self.missed, "no answer within 1 s")
            pulse.replaced = name in self.replaced

    def of(self, name: str) -> Pulse:
        return self.pulses[name]


class Guarded(Walk):
    """A walk whose guard is real, over a judgement that is real too."""

    def __init__(self, folder: Path, text: str = "") -> None:
        super().__init__(folder, text)
        self.source = SaidSource(self.clock.now)
        self.beats = SaidBeats()

        def context(state: State) -> Context:
            raise AssertionError("a guard asks no checks")

        self.weighing = Judgement(self.settings, lambda: self.source, context, self.clock, self.write, self.said.append)
        self.doubted = False
        self.guard = self.another()

    def write(self, kind: str, **data: object) -> None:
        self.journal.append(self.clock.now(), kind, **data)

    def another(self) -> Guard:
        """Return a guard as a process of its own would have it."""
        engine = Engine(self.settings, self.journal, self.world, self.weighing, None, self.clock, self.said.append)
        return Guard(engine, self.said.append, self.beats, self.probe)

    def probe(self, instance: InstanceState) -> str:
        """Ask an instance of the simulated world how it is."""
        if self.doubted:
            return "it is late"
        now = self.world.observation.named(instance.name)
        return "" if now is not None and now.ready else "it says 503"

    def begin(self, week: int, stage: int = 0) -> None:
        """Walk to a stage and let it be for a while; its mounts are where they would be."""
        self.to(week, stage)
        seen = self.world.observation
        instances = tuple(replace(i, mount=f"/mnt/{i.name}") for i in seen.instances)
        self.world.observation = replace(seen, instances=instances)
        self.pass_time(30)

    def pass_time(self, seconds: int, step: int = 1) -> None:
        """Let the guard look every `step` seconds."""
        for _ in range(0, seconds, step):
            self.clock.time += step
            self.guard.turn()

    def goes_wrong(self, metric: Metric, value: float, side: Side = Side.CANARY) -> None:
        self.source.values[side, metric] = value

    def rolled_back(self) -> bool:
        return self.engine.state().status.value == "rolled-back"

    def event(self, kind: str) -> dict[str, object]:
        """Return the data of the newest event of a kind."""
        return [e for e in self.journal.events() if e.kind == kind][-1].data
