"""Two sides that are alike, for a day, in a minute: the guard's own decisions on traffic that is drawn at random."""

from __future__ import annotations

import math
import random
import tempfile
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import Any, cast

from checks.check import Context
from deployment.metrics.exposition import SLOW as SLOWER
from deployment.metrics.growth import Growth
from deployment.metrics.series import Slice, Slices
from deployment.metrics.source import MISSES, Measurement, Metric
from deployment.model import Side
from phases.calendar import PHASES, stage_at
from runbook.conviction import MOMENT
from runbook.engine import Engine
from runbook.guard import Guard
from runbook.guard_beats import Beats
from runbook.journal import Journal
from runbook.judgement import Judgement
from runbook.settings import parse
from runbook.state import State, Status
from runbook.steps import Walker, Wanted
from tests.deployment.world import World

BEGIN = 1_000_000.0
WEEK = 6
ERRORS = SLOW = 0.001  # a tenth of what the triggers allow
MISSED = 0.002  # heartbeats
STALLS = 20  # a day: for a moment nothing on the machine gets on, and what was in progress took over a second
IN_PROGRESS = 8
COUNTED = {Metric.ERROR_RATIO: "errors", Metric.SLOW_SHARE: "slow", Metric.DIVERGENCE_RATIO: "differing"}


class Traffic:
    """A day of one side, as sums over its seconds."""

    def __init__(self, seconds: int, chance: random.Random, stalls: set[int]) -> None:
        operations, errors, slow, beats, oldest = [], [], [], [], []
        for second in range(seconds):
            # from 20 to 380 operations a second, as a day has it
            mean = 200 - 180 * math.cos(2 * math.pi * second / 86400)
            count = max(0, round(chance.gauss(mean, math.sqrt(mean))))
            operations.append(count)
            errors.append(drawn(count * ERRORS, chance))
            stalled = second in stalls
            slow.append(drawn(count * SLOW, chance) + (chance.randint(0, IN_PROGRESS) if stalled else 0))
            beats.append(chance.random() >= MISSED and not stalled)
            oldest.append(chance.uniform(1.0, 2.5) if stalled else chance.expovariate(50))
        self.sums = {
            "operations": list(accumulate(operations, initial=0)),
            "errors": list(accumulate(errors, initial=0)),
            "slow": list(accumulate(slow, initial=0)),
            "differing": [0] * (seconds + 1),
        }
        self.beats, self.oldest = beats, oldest


def drawn(mean: float, chance: random.Random) -> int:
    """Draw from the Poisson distribution."""
    left, count = math.exp(-mean), 0
    product = chance.random()
    while product > left:
        count += 1
        product *= chance.random()
    return count


class SimulatedSource:
    """Measures simulated traffic at a simulated time."""

    name = "simulated"

    def __init__(self, sides: dict[Side, Traffic], now: Callable[[], float]) -> None:
        self._sides, self._now = sides, now

    def poll(self) -> None:
        """Do nothing."""

    def measure(self, metric: Metric, side: Side, window: float) -> Measurement:
        """Return one measurement."""
        traffic, at = self._sides[side], self._now()
        end = int(at - BEGIN)
        start = max(0, end - round(window))
        if metric is Metric.RESPONSIVE:
            last = traffic.beats[max(start, end - MISSES) : end]
            return Measurement(metric, side, window, float(any(last)) if last else None, end - start, at)
        if metric is Metric.OLDEST:
            return Measurement(metric, side, window, traffic.oldest[end - 1] if end else None, min(1, end), at)
        counts = traffic.sums["operations"]
        bad = traffic.sums[COUNTED.get(metric, "errors")]
        samples = counts[end] - counts[start]
        value = (bad[end] - bad[start]) / samples if samples else None
        return Measurement(metric, side, window, value, samples, at)

    def slices(self, side: Side, window: float, step: float) -> Slices:
        """Return how many operations were slow in each second, which triggers ask; gates are not what is measured."""
        if step != MOMENT:
            return Slices(side, step, detail="simulated traffic is cut into seconds only")
        sums, end = self._sides[side].sums, int(self._now() - BEGIN)
        found = []
        for start in range(max(0, end - round(window)), end):
            timed, slow = (sums[n][start + 1] - sums[n][start] for n in ("operations", "slow"))
            buckets = {repr(SLOWER): float(timed - slow)}
            found.append(Slice(BEGIN + start + step, step, Growth(timed=timed, buckets=buckets, pairs=1)))
        return Slices(side, step, tuple(found))


class SimulatedClock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.time = BEGIN

    def now(self) -> float:
        """Return the Unix time."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Let it pass."""
        self.time += max(seconds, 0.001)


class Answered(Beats):
    """The heartbeats of mounts that all answer: theirs are drawn with the traffic."""

    def begin(self, *, changing: bool = False) -> None:
        """Ask nobody."""


def aa_false_rollbacks(hours: float, seed: int) -> int:
    """Return how often the guard rolls back in so many hours in which the canary is as good as fusepy."""
    chance, seconds = random.Random(seed), int(hours * 3600)
    stalls = set(chance.sample(range(seconds), round(STALLS * hours / 24)))
    sides = {side: Traffic(seconds, chance, stalls) for side in Side}
    clock, false = SimulatedClock(), 0
    with tempfile.TemporaryDirectory(prefix="guard-aa-") as name:
        settings = parse(Path(name, "lighthouse-migrate.toml"), 'name = "alike"\n[soak]\nweek6 = "60d"\n')
        journal, world = Journal(settings.journal), World()
        source = SimulatedSource(sides, clock.now)

        def context(_state: State) -> Context:
            raise AssertionError("a guard asks no checks")

        judgement = Judgement(settings, lambda: source, context, clock, journal.append, lambda _line: None)
        engine = Engine(settings, journal, cast(Any, world), judgement, None, clock, lambda _line: None)
        guard = Guard(engine, lambda _line: None, Answered(), lambda _instance: "")
        enter(engine, world)
        head = engine.journal.head()
        for second in range(1, seconds):
            clock.time = BEGIN + second
            guard.turn()
            if engine.journal.head() != head:
                head = engine.journal.head()
                if engine.state().status is not Status.ROLLED_BACK:
                    continue
                false += 1
                enter(engine, world)
                head = engine.journal.head()
        journal.close()
    return false


def enter(engine: Engine, world: World) -> None:
    """Put half of the clients on the canary."""
    walker = Walker(engine.target, engine.clock, engine.lock, lambda _line: None)
    walker.bring(Wanted(stage_at(WEEK, 0).deployment), engine.write)
    engine.write("entered", week=WEEK, stage=0, name=PHASES[WEEK].name)
    assert world.observation.weight == 50
