"""Sequences of random steps for a parity run: what all of them share, and the plain way to choose the steps."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from dualfuse.lockstep import Lockstep, Seen, workplaces
from dualfuse.steps import KINDS, MAKING, NAMES, Step
from dualfuse.trees import walk

LENGTH = 30  # steps of one sequence, at most
PATHS = (*NAMES, *(f"{above}/{name}" for above in ("a", "dir", "sub", "dir/sub", "dir/sub/a") for name in NAMES))
_REFRESH = 8  # steps after which the paths that exist are looked up again
_OFTEN = (*("mkdir", "write", "replace") * 2, *("hold",) * 4)  # what others need is drawn more often
_USED = {**dict.fromkeys(MAKING, 0.1), "write": 0.5, "replace": 0.5}  # how often a path that exists is taken


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


class Chooser:
    """Draws steps about a small, deep and crowded tree, mostly about what exists on the plain directory."""

    def __init__(self, generator: random.Random, kinds: Sequence[str] = KINDS) -> None:
        self._generator = generator
        self._kinds = (*kinds, *(kind for kind in _OFTEN if kind in kinds))
        self._known: list[str] = []  # what existed a moment ago
        self._drawn = 0

    def step(self, plain: str) -> Step:
        """Choose the next step."""
        if self._drawn % _REFRESH == 0:
            self._known = list(walk(plain))
        self._drawn += 1
        kind = self._generator.choice(self._kinds)
        path = self._path(_USED.get(kind, 0.95))
        return Step(kind, path, self._path(0.4), self._generator.randrange(100_000))

    def _path(self, share: float) -> str:
        if self._known and self._generator.random() < share:
            return self._generator.choice(self._known)
        return self._generator.choice(PATHS)


class Run:
    """One sequence on directories of its own, everything compared after every step."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._places = workplaces(*judge.directories)
        self._lockstep = Lockstep(self._places.__enter__())
        self._taken: list[Step] = []
        self._is_agreed = True

    @property
    def plain(self) -> str:
        """The plain directory."""
        return self._lockstep.sides[2].root

    def take(self, step: Step) -> bool:
        """Take a step; tells whether it succeeded. Raises EnoughError."""
        if self._lockstep.ended:
            return False
        self._judge.go_on()
        if self._lockstep.avoidable(step):
            step = Step("status", step.path)
        self._taken.append(step)
        results, seen = self._lockstep.take(step)
        differences = [seen] if seen is not None else []
        if not self._lockstep.ended:
            differences += self._lockstep.compare_trees()
        self._is_agreed = self._judge.hear(self._taken, differences, self._is_agreed)
        return bool(results[2] == 0 or not isinstance(results[2], str))

    def end(self) -> None:
        """Remove what the sequence has made."""
        self._places.__exit__(None, None, None)


def explore(kinds: Sequence[str], judge: Judge, seed: int) -> None:
    """Run sequences until the judge has enough."""
    generator = random.Random(seed)
    while not judge.is_over:
        chooser, run = Chooser(generator, kinds), Run(judge)
        try:
            for _ in range(LENGTH):
                run.take(chooser.step(run.plain))
        except EnoughError:
            return
        finally:
            run.end()
