"""The steps of a parity run chosen by hypothesis, so that each works on what earlier ones have made."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis import strategies as values
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.errors import FlakyStrategyDefinition
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    multiple,
    rule,
    run_state_machine_as_test,
)

from dualfuse.exploring import LENGTH, EnoughError, Judge, Run
from dualfuse.steps import MAKING, NAMES, Step

SEQUENCES = 20  # of one seed
_WRITING = frozenset({"write", "replace"})  # what makes a file or changes it
_NAMING = frozenset({"rename", "link"})  # what gives a file another name
_TAKING = frozenset({"rename", "unlink", "rmdir"})  # what takes a name away


class _Machine(RuleBasedStateMachine):
    """One sequence; the rules come from ``_machine``."""

    judge: Judge

    def __init__(self) -> None:
        super().__init__()
        self.run = Run(self.judge)

    def teardown(self) -> None:
        """Remove what the sequence has made."""
        self.run.end()


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _machine(kinds: Sequence[str], judge: Judge) -> type[_Machine]:
    """Make the machine with one rule for every kind of step, so that hypothesis can leave kinds out."""
    paths, folders = Bundle("paths"), Bundle("folders")
    new = values.builds(_join, folders, values.sampled_from(NAMES))
    number = values.one_of(values.integers(0, 2), values.integers(0, 99_999))  # few numbers meet the same file again

    def start(_self: _Machine) -> str:
        return ""

    def rule_for(kind: str) -> Any:
        def make(self: _Machine, path: str, other: str, number: int) -> Any:
            is_done = self.run.take(Step(kind, path, other, number))
            return (other if kind in _NAMING else path) if is_done else multiple()

        def act(self: _Machine, path: str, other: str, number: int) -> None:
            self.run.take(Step(kind, path, other, number))

        if kind == "mkdir":
            return rule(targets=(paths, folders), path=new, other=new, number=number)(make)
        if kind in MAKING:
            return rule(target=paths, path=new, other=new, number=number)(make)
        if kind in _WRITING:
            return rule(target=paths, path=values.one_of(paths, new), other=new, number=number)(make)
        path = consumes(paths) if kind in _TAKING else paths
        if kind in _NAMING:
            return rule(target=paths, path=path, other=values.one_of(new, paths), number=number)(make)
        return rule(path=path, other=new, number=number)(act)

    body = {"judge": judge, "start": initialize(target=folders)(start)}
    return type("Parity", (_Machine,), {**body, **{f"step_{kind}": rule_for(kind) for kind in kinds}})


def explore(kinds: Sequence[str], judge: Judge, seed: int, home: str) -> None:
    """Run sequences until the judge has enough."""
    set_hypothesis_home_dir(home)
    # Hypothesis only chooses: a list of steps is shrunk sooner as what it is, see dualfuse.replay.
    chosen = settings(
        max_examples=SEQUENCES,
        stateful_step_count=LENGTH,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    while not judge.is_over:
        # what ends in the middle of a sequence may look to hypothesis as if it were not the same twice
        with suppress(EnoughError, FlakyStrategyDefinition):
            run_state_machine_as_test(hypothesis.seed(seed)(_machine(kinds, judge)), settings=chosen)
        seed += 1  # a run's first sequences are simple ones: one long run would be mostly that
