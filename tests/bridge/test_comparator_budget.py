"""The comparator's budget: little while the machine is busy, much while it idles."""

from __future__ import annotations

import pytest

from bridge.comparator_budget import (
    FASTEST,
    FEWEST_PATHS,
    LEAST,
    LONGEST_PAUSE,
    MOST,
    MOST_PATHS,
    PERIOD,
    Budget,
    ticks,
)


class Machine:
    """A clock and processors that are told how idle they are."""

    def __init__(self) -> None:
        self.now = 0.0
        self.idle = self.all = 0

    def passes(self, idle: float) -> None:
        self.now += PERIOD
        self.idle += round(100 * idle)
        self.all += 100

    def budget(self) -> Budget:
        return Budget(lambda: (self.idle, self.all), lambda: self.now)


def test_a_busy_machine_gets_the_least_and_an_idle_one_the_most() -> None:
    machine = Machine()
    budget = machine.budget()
    machine.passes(idle=0.0)
    assert budget.pause(0.01, 1) == pytest.approx(0.01 / LEAST - 0.01)
    assert budget.paths == FEWEST_PATHS
    machine.passes(idle=0.9)
    assert budget.pause(0.01, 1) == pytest.approx(0.01 / MOST - 0.01)
    assert budget.paths == MOST_PATHS
    machine.passes(idle=0.35)
    assert LEAST < 0.01 / (budget.pause(0.01, 1) + 0.01) < MOST


def test_nobody_is_judged_before_something_was_seen() -> None:
    assert Machine().budget().pause(0.01, 1) == pytest.approx(0.01 / LEAST - 0.01)


def test_even_an_idle_machine_is_not_kept_busy_and_a_pause_ends() -> None:
    machine = Machine()
    budget = machine.budget()
    machine.passes(idle=1.0)
    assert budget.pause(0.001, 500) == pytest.approx(500 / FASTEST - 0.001)
    assert budget.pause(100.0, 1) == LONGEST_PAUSE


def test_the_processors_really_tell() -> None:
    idle, total = ticks()
    assert 0 < idle <= total
