"""Differential fuzzing: random operations on both backends and a plain directory beside them.

Run by `./dev bench fuzz --operations 1000000`. Workers run side by side, each with mounts of its own; each side of one
serves a loopback directory of its own. Every operation's result or errno is compared, the whole tree every `--every`
operations and at the end of a sequence. Sequences start afresh after `--length` operations, each from a seed that is
printed with whatever nobody can explain, and repeats it with `--seed` and the same `--options`. What
`dualfuse.differences` knows is counted as accepted. The exit code is 1 when anything is left.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from typing import Any

from dualfuse.daemon import Daemon
from dualfuse.exploring import Chooser
from dualfuse.lockstep import Lockstep, Seen
from dualfuse.steps import Side, Step

LOOPBACK = "dualfuse.samples.loopback:Loopback"
BACKENDS = ("fusepy", "pyfuse3")
# nothing cached, so that every look reaches the daemon; names cached, as users have it
OPTIONS = ("entry_timeout=0,attr_timeout=0", "entry_timeout=1,attr_timeout=0")
WORKERS = 2
SHOWN = 20  # differences that a worker prints; more of them are only counted
TOLD = 60.0  # seconds between two lines of progress


class Sequence:
    """One sequence of steps from one seed, in three fresh directories."""

    def __init__(self, seed: int, roots: tuple[Path, Path, Path], tally: Counter[str]) -> None:
        self.seed = seed
        self._chooser = Chooser(random.Random(seed))
        self._roots = roots
        self._tally = tally  # counts by what was counted; "kind:" and "known:" stand before names

    def run(self, length: int, every: int) -> None:
        """Take the steps; after an unexplained difference the rest would only repeat it, so it ends there."""
        places = [root / f"s{self.seed}" for root in self._roots]
        for place in places:
            place.mkdir()
        sides = (Side(places[0]), Side(places[1]), Side(places[2]))
        lockstep = Lockstep(sides, strict=True)
        try:
            for number in range(1, length + 1):
                is_over = self._step(lockstep, number)
                if not is_over and (number % every == 0 or number == length):
                    is_over = self._count(number, lockstep.compare_trees())
                if is_over:
                    break
            self._tally["sequences"] += 1
        finally:
            for side, place in zip(sides, places, strict=True):
                side.close()
                shutil.rmtree(place, ignore_errors=True)

    def _step(self, lockstep: Lockstep, number: int) -> bool:
        step = self._chooser.step(lockstep.sides[2].root)
        if lockstep.avoidable(step):
            step = Step("status", step.path)
        results, seen = lockstep.take(step)
        self._tally["operations"] += 1
        self._tally[f"kind:{step.kind}"] += 1
        self._tally["succeeded"] += not (isinstance(results[2], str) and results[2][:1] == "E")
        return self._count(number, [seen] if seen is not None else []) or lockstep.ended

    def _count(self, number: int, differences: list[Seen]) -> bool:
        """Count and print; tells whether there was something that nobody can explain."""
        is_over = False
        for seen in differences:
            if seen.known is not None:
                self._tally[f"known:{seen.known.name}"] += 1
                continue
            is_over = True
            self._tally["differences" if seen.is_apart else "against_plain"] += 1
            if self._tally["differences"] + self._tally["against_plain"] <= SHOWN:
                print(json.dumps({"seed": self.seed, "step": number, **seen.as_json()}, default=str), flush=True)
        return is_over


def worker(options: str, seed: int | None, length: int, every: int, answer: Connection) -> None:
    """Run sequences until told to stop, or the one from a seed; sends its tally after each."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # unmounts first
    seeds = random.SystemRandom()
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=_memory()) as name, ExitStack() as stack:
        place = Path(name)
        (place / "plain").mkdir()
        for backend in BACKENDS:
            (place / backend).mkdir()
            (place / f"under-{backend}").mkdir()
            arguments = [f"root={place}/under-{backend}"]
            daemon = Daemon(LOOPBACK, place / backend, backend, arguments=arguments, options=[options], timeout=60)
            stack.enter_context(daemon)
        roots = (place / BACKENDS[0], place / BACKENDS[1], place / "plain")
        while not answer.poll():
            tally: Counter[str] = Counter()
            Sequence(seeds.randrange(1 << 32) if seed is None else seed, roots, tally).run(length, every)
            answer.send(tally)
            if seed is not None:
                break
        else:
            answer.recv()
    answer.close()


def fuzz(chosen: argparse.Namespace) -> dict[str, Any]:
    """Run the workers until so many operations were done or the time is over."""
    context = multiprocessing.get_context("spawn")
    tally: Counter[str] = Counter()
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))  # end with what was found so far
    running: dict[Connection, Any] = {}
    options = [chosen.options] if chosen.options else OPTIONS
    start = told = time.monotonic()
    length = min(chosen.length, max(1, chosen.operations // chosen.workers))
    for number in range(1 if chosen.seed is not None else chosen.workers):
        ours, theirs = context.Pipe()
        arguments = (options[number % len(options)], chosen.seed, length, chosen.every, theirs)
        running[ours] = context.Process(target=worker, args=arguments)
        running[ours].start()
        theirs.close()
    waiting = set(running)
    is_over = False
    while waiting:
        ready = set(wait_for(waiting, timeout=1.0))
        for ours in [each for each in waiting if each in ready]:
            try:
                tally += ours.recv()
            except EOFError:
                waiting.discard(ours)
        spent = time.monotonic() - start
        if time.monotonic() - told >= TOLD:
            told = time.monotonic()
            print(f"{spent:.0f} s: {summary(tally, spent)}", file=sys.stderr, flush=True)
        if not is_over and (stopped or tally["operations"] >= chosen.operations or spent > chosen.seconds):
            is_over = True
            for ours in waiting:
                ours.send("stop")
    for process in running.values():
        process.join()
        tally["failed_workers"] += process.exitcode != 0
    return {**summary(tally, time.monotonic() - start), "options": list(options), "workers": len(running)}


def summary(tally: Counter[str], spent: float) -> dict[str, Any]:
    """Sum up what was counted."""
    known = {name.removeprefix("known:"): count for name, count in tally.items() if name.startswith("known:")}
    counted = ("operations", "differences", "against_plain", "succeeded", "sequences", "failed_workers")
    return {
        **{name: tally[name] for name in counted},
        "accepted": sum(known.values()),
        "accepted_by_name": known,
        "kinds": sum(name.startswith("kind:") for name in tally),
        "seconds": round(spent, 1),
        "operations_per_second": round(tally["operations"] / spent),
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
    parser.add_argument("--options", help="mount options of all; default: each worker its own")
    parser.add_argument("--workers", type=int, default=WORKERS, help="pairs of mounts that are worked on side by side")
    answer = fuzz(parser.parse_args(argv))
    print(json.dumps(answer))
    return 1 if answer["differences"] or answer["against_plain"] or answer["failed_workers"] else 0


if __name__ == "__main__":
    sys.exit(main())
