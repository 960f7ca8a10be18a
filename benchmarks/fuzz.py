"""Differential fuzzing: random operations on both backends and a plain directory beside them.

Run by `./dev bench fuzz --operations 20000`. Each side serves a loopback directory of its own; every operation's result
or errno is compared, the whole tree every `--every` operations and at the end of a sequence. Sequences start afresh
after `--length` operations, each from a seed that is printed with whatever nobody can explain, and repeats it with
`--seed`. What `dualfuse.differences` knows is counted as accepted. The exit code is 1 when anything is left.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dualfuse.daemon import Daemon
from dualfuse.differences import HIDDEN_FILE, accepted
from dualfuse.steps import KINDS, NAMES, Side, Step, tree

LOOPBACK = "dualfuse.samples.loopback:Loopback"
BACKENDS = ("fusepy", "pyfuse3")
SHOWN = 20  # differences printed; more of them are only counted
REFRESH = 8  # operations after which the paths that exist are looked up again
FREE = {"mkdir": 0.1, "symlink": 0.1, "exclusive": 0.1, "write": 0.5, "replace": 0.5}  # share of paths that exist
DRAWN = (*KINDS, "mkdir", "mkdir", "write", "replace", "hold", "hold")  # what others need is drawn more often


@dataclass(slots=True)
class Tally:
    """What all sequences together have found."""

    operations: int = 0
    accepted: Counter[str] = field(default_factory=Counter)
    differences: int = 0
    against_plain: int = 0
    succeeded: int = 0
    sequences: int = 0
    kinds: Counter[str] = field(default_factory=Counter)


def paths() -> list[str]:
    """The paths that steps are about: a small, deep and crowded tree, so that most steps meet what others made."""
    found = list(NAMES)
    for parent in ("a", "dir", "sub", "dir/sub", "dir/sub/a"):
        found += [f"{parent}/{name}" for name in NAMES]
    return found


class Sequence:
    """One sequence of steps from one seed, on three fresh directories."""

    def __init__(self, seed: int, roots: tuple[Path, Path, Path], tally: Tally) -> None:
        self.seed = seed
        self._generator = random.Random(seed)
        self._sides = tuple(Side(root / f"s{seed}") for root in roots)
        self._tally = tally
        self._paths = paths()
        self._known: list[str] = []  # what existed a moment ago
        self._over = False
        self._linked: set[int] = set()  # inode numbers on the plain directory of files that ever had two names

    def run(self, length: int, every: int) -> None:
        """Take the steps; after an unexplained difference the rest would only repeat it, so it ends there."""
        for side in self._sides:
            side.root.mkdir()
        try:
            for number in range(1, length + 1):
                if number % REFRESH == 1:
                    self._known = _walk(str(self._sides[-1].root))
                self._step(number)
                if self._over:
                    break
                if number % every == 0 or number == length:
                    self._compare_trees(number)
            self._tally.sequences += 1
        finally:
            for side in self._sides:
                side.close()
                shutil.rmtree(side.root, ignore_errors=True)

    def _choose(self) -> Step:
        pick, chance = self._generator.choice, self._generator.random

        def path(share: float) -> str:
            return pick(self._known) if self._known and chance() < share else pick(self._paths)

        kind = pick(DRAWN)
        step = Step(kind, path(FREE.get(kind, 0.85)), path(0.4), self._generator.randrange(100_000))
        plain = self._sides[-1].root
        if step.kind == "rename" and _same(plain / step.path, plain / step.other):
            # nothing happens, by POSIX; libfuse2's kernel side drops one of the names (see dualfuse.differences)
            return Step("status", step.path)
        return step

    def _step(self, number: int) -> None:
        step = self._choose()
        number_before = self._inode(step)
        results = [side.run(step) for side in self._sides]
        if step.kind == "link" and results[2] == 0:
            self._linked.add(self._inode(step))
        self._tally.operations += 1
        self._tally.kinds[step.kind] += 1
        self._tally.succeeded += not isinstance(results[2], str) or results[2] not in errno.errorcode.values()
        if self._meets_hidden_file(step, results):
            self._tally.accepted[HIDDEN_FILE.name] += 1
            self._over = True  # from here on the trees differ
        else:
            self._judge(number, str(step), results, number_before in self._linked)

    def _inode(self, step: Step) -> int:
        """The number, on the plain directory, of the file that a step is about; 0 for none."""
        plain = self._sides[-1]
        try:
            if step.kind.startswith("held_"):
                return os.fstat(plain.held(NAMES[step.number % 3])).st_ino
            return (plain.root / step.path).lstat().st_ino
        except OSError:
            return 0

    def _meets_hidden_file(self, step: Step, results: list[Any]) -> bool:
        """Whether a directory is empty but for files libfuse keeps there, and so cannot be removed or replaced."""
        refusing = [side for side, result in zip(self._sides, results, strict=True) if result == "ENOTEMPTY"]
        if results[0] != "ENOTEMPTY" or results[1] not in ("ENOTEMPTY", 0) or results[2] != 0:
            return False
        gone = step.other if step.kind == "rename" else step.path
        names = [[path.name for path in (side.root / gone).iterdir()] for side in refusing]
        return all(each and all(name.startswith(".fuse_hidden") for name in each) for each in names)

    def _compare_trees(self, number: int) -> None:
        trees = [tree(side.root) for side in self._sides]
        if trees[0] == trees[1] == trees[2]:
            return
        for path in sorted(set().union(*trees)):
            was_linked = self._inode(Step("status", path)) in self._linked
            self._judge(number, f"tree: {path}", [each.get(path) for each in trees], was_linked)

    def _judge(self, number: int, what: str, results: list[Any], was_linked: bool) -> None:
        on_a, on_b, on_plain = results
        if on_a == on_b == on_plain:
            return
        if on_a == on_b:
            self._tally.against_plain += 1
            self._report(number, what, results, self._tally.against_plain)
            self._over = True
            return
        # a known difference excuses fusepy only: pyfuse3 must do as the plain directory does
        known = accepted(on_a, on_b, on_plain, was_linked) if on_b == on_plain else None
        if known is not None:
            self._tally.accepted[known.name] += 1
            return
        self._tally.differences += 1
        self._report(number, what, results, self._tally.differences)
        self._over = True

    def _report(self, number: int, what: str, results: list[Any], count: int) -> None:
        if count <= SHOWN:
            seen = dict(zip((*BACKENDS, "plain"), results, strict=True))
            print(json.dumps({"seed": self.seed, "step": number, "operation": what, **seen}, default=str))


def _walk(top: str) -> list[str]:
    """Name everything below a directory, relative to it."""
    start = len(top) + 1
    return sorted(f"{folder}/{name}"[start:] for folder, below, files in os.walk(top) for name in (*below, *files))


def _same(left: Path, right: Path) -> bool:
    try:
        return os.path.samestat(left.lstat(), right.lstat())
    except OSError:
        return False


def fuzz(operations: int, length: int, every: int, seed: int | None, options: str, seconds: float) -> dict[str, Any]:
    """Run sequences until so many operations were done or the time is over."""
    tally = Tally()
    seeds = random.SystemRandom()
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))  # end with what was found so far
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=_memory()) as name, ExitStack() as stack:
        place = Path(name)
        (place / "plain").mkdir()
        for backend in BACKENDS:
            (place / backend).mkdir()
            (place / f"under-{backend}").mkdir()
            stack.enter_context(
                Daemon(
                    LOOPBACK,
                    place / backend,
                    backend,
                    arguments=[f"root={place}/under-{backend}"],
                    options=[options],
                )
            )
        roots = (place / BACKENDS[0], place / BACKENDS[1], place / "plain")
        while not stopped and tally.operations < operations and time.monotonic() - start < seconds:
            chosen = seeds.randrange(1 << 32) if seed is None else seed
            Sequence(chosen, roots, tally).run(min(length, operations - tally.operations), every)
            if seed is not None:
                break
    spent = time.monotonic() - start
    return {
        "operations": tally.operations,
        "differences": tally.differences,
        "accepted": sum(tally.accepted.values()),
        "accepted_by_name": dict(tally.accepted),
        "against_plain": tally.against_plain,
        "succeeded": tally.succeeded,
        "sequences": tally.sequences,
        "kinds": len(tally.kinds),
        "options": options,
        "seconds": round(spent, 1),
        "operations_per_second": round(tally.operations / spent),
    }


def _memory() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="./dev bench fuzz", description=__doc__)
    parser.add_argument("--operations", type=int, default=20_000)
    parser.add_argument("--length", type=int, default=400, help="operations of one sequence")
    parser.add_argument("--every", type=int, default=100, help="operations between two comparisons of the whole tree")
    parser.add_argument("--seed", type=int, help="run one sequence only, from this seed")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long")
    parser.add_argument("--options", default="entry_timeout=0,attr_timeout=0", help="mount options of both")
    chosen = parser.parse_args(argv)
    answer = fuzz(chosen.operations, chosen.length, chosen.every, chosen.seed, chosen.options, chosen.seconds)
    print(json.dumps(answer))
    return 1 if answer["differences"] or answer["against_plain"] else 0


if __name__ == "__main__":
    sys.exit(main())
