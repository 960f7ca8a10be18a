"""How well the relative judge tells a slow canary from an equal one, and what judging costs.

Run by `./dev bench gates`. A/A: both sides draw from the same distributions, or are dealt the same recorded operations;
every verdict but a failure is right, and a failure is a false alarm. 2x: the canary's operations take twice as long;
only a failure is right. Everything is seeded.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from checks.canary_judge import judge
from checks.gate import Status
from deployment.metrics.series import Slices
from phases.gates import CANARY_P95
from tests.checks.traffic import Recorded, Traffic

RECORDED = Path(__file__).parents[1] / "tests" / "checks" / "recorded" / "stable.json"
SHARES = (0.1, 0.25, 0.5)
Pair = tuple[Slices, Slices]


def drawn(trials: int, slower: float, step: float, number: int) -> Iterator[Pair]:
    """Yield pairs of sides drawn by chance, at each share of the traffic alike."""
    for seed, share in enumerate(SHARES):
        traffic = Traffic(seed, share, step=step, pool=16)
        for _ in range(trials // len(SHARES) + 1):
            yield traffic.pair(number, slower=slower)


def recorded(trials: int, slower: float) -> Iterator[Pair]:
    """Yield recorded operations dealt out to two sides by chance."""
    traffic = Recorded(RECORDED)
    for seed in range(trials):
        yield traffic.pair(seed, 2, SHARES[seed % len(SHARES)], slower)


def tried(name: str, pairs: Callable[[], Iterator[Pair]]) -> Counter[Status]:
    """Judge every pair and say how it went."""
    began = time.process_time()
    said = Counter(judge(CANARY_P95, *pair).status for pair in pairs())
    print(f"{name}: {dict(said)} in {time.process_time() - began:.0f} s of CPU", file=sys.stderr)
    return said


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(prog="./dev bench gates", description=__doc__)
    parser.add_argument("--trials", type=int, default=1500, help="of drawn traffic; recorded gets a fifth")
    trials = parser.parse_args().trials
    equal = tried("A/A, drawn", lambda: drawn(trials, 1.0, 4.0, 12))
    double = tried("2x, drawn", lambda: drawn(trials // 3, 2.0, 4.0, 12))
    equal_recorded = tried("A/A, recorded", lambda: recorded(trials // 5, 1.0))
    double_recorded = tried("2x, recorded", lambda: recorded(trials // 5, 2.0))
    pair = Traffic(9, 0.5, step=60.0, pool=6).pair(60)
    began = time.process_time()
    judge(CANARY_P95, *pair)
    figures = {
        "aa_trials": equal.total(),
        "false_alarms": equal[Status.FAIL] / equal.total(),
        "held": 1 - equal[Status.PASS] / equal.total(),
        "regressions": double.total(),
        "detected": double[Status.FAIL] / double.total(),
        "recorded_aa_trials": equal_recorded.total(),
        "recorded_false_alarms": equal_recorded[Status.FAIL] / equal_recorded.total(),
        "recorded_detected": double_recorded[Status.FAIL] / double_recorded.total(),
        "judge_ms": (time.process_time() - began) * 1000,
    }
    print(json.dumps({name: round(value, 4) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
