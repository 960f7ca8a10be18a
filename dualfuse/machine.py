"""Random sequences of steps by hypothesis: stateful ones, in which a step works on what earlier ones have made."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
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

from dualfuse.lockstep import Lockstep, Seen, workplaces
from dualfuse.steps import MAKING, NAMES, Step

LENGTH = 30  # steps of one sequence, at most
SEQUENCES = 20  # of one seed
_WRITING = frozenset({"write", "replace"})  # what makes a file or changes it
_NAMING = frozenset({"rename", "link"})  # what gives a file another name
_TAKING = frozenset({"rename", "unlink", "rmdir"})  # what takes a name away


class EnoughError(BaseException):
    """Nothing more is to be tried; hypothesis lets what is not an Exception pass."""


class Judge:
    """What the machines report to: it counts, keeps the sequence that shows a difference, and says when to stop."""

    def __init__(self, directories: tuple[Path, Path], steps: int) -> None:
        self.directories = directories
        self.steps = 0
        self.known = 0
        self.against_plain: list[tuple[int, Seen]] = []
        self.found: list[Step] = []
        self.is_over = False
        self._wanted = steps

    def go_on(self) -> None:
        """Count a step before it is taken. Raises EnoughError when it shall not be."""
        if self.is_over or self.steps >= self._wanted:
            self.is_over = True
            raise EnoughError
        self.steps += 1

    def hear(self, taken: list[Step], seen: list[Seen], is_agreed: bool) -> bool:
        """Judge what was seen after a step; tells whether the plain directory still agrees. Raises EnoughError."""
        if any(each.is_apart for each in seen):
            self.found, self.is_over = list(taken), True
            raise EnoughError
        against = [each for each in seen if each.is_against_plain]
        self.known += len(seen) - len(against)
        if is_agreed:
            self.against_plain += [(self.steps, each) for each in against]
        return is_agreed and not against


class _Machine(RuleBasedStateMachine):
    """One sequence, in directories of its own; the rules come from ``_machine``."""

    judge: Judge

    def __init__(self) -> None:
        super().__init__()
        self._places = workplaces(*self.judge.directories)
        self._lockstep = Lockstep(self._places.__enter__())
        self._taken: list[Step] = []
        self._is_agreed = True

    def take(self, step: Step) -> bool:
        """Take a step and compare everything; tells whether it succeeded."""
        if self._lockstep.ended:
            return False
        self.judge.go_on()
        if self._lockstep.avoidable(step):
            step = Step("status", step.path)
        self._taken.append(step)
        results, seen = self._lockstep.take(step)
        differences = [seen] if seen is not None else []
        if not self._lockstep.ended:
            differences += self._lockstep.compare_trees()
        self._is_agreed = self.judge.hear(self._taken, differences, self._is_agreed)
        return bool(results[2] == 0 or not isinstance(results[2], str))

    def teardown(self) -> None:
        """Remove what the sequence has made."""
        self._places.__exit__(None, None, None)


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
            is_done = self.take(Step(kind, path, other, number))
            return (other if kind in _NAMING else path) if is_done else multiple()

        def act(self: _Machine, path: str, other: str, number: int) -> None:
            self.take(Step(kind, path, other, number))

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
