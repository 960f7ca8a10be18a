"""What the comparator costs and finds: `./dev bench comparator [PART …]`; the last line of stdout is one JSON object.

- latency: clients of a primary that is saturated, with and without the comparator, in windows that take turns; the
  ratio of their p99 is the median over pairs of neighbouring windows. Also what one call of the tap costs.
- power: mutants, each a file system that is wrong in one way, served as the shadow on a real mount.
- agreement: two sound mounts of one event store, one of each backend, both written to while they are compared.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import timeit
from pathlib import Path
from typing import Any

from dualfuse.tap import Tap

PARTS = ("latency", "power", "agreement")
RATIO = 1.05  # that the primary's p99 may rise to
CALLS = 200_000


def cost_of_the_tap() -> dict[str, float]:
    """Return what one call of the tap takes where the comparator listens, and what it takes where a sample is noted."""
    tap = Tap(lambda: 7)
    arguments = ("/some/path", 4096, 0, 3)
    tap.take([9], 64)
    noted = timeit.timeit(lambda: tap("read", arguments), number=CALLS) / CALLS
    tap.take([9], 64)  # from now on it notes one of so many
    passing = timeit.timeit(lambda: tap("read", arguments), number=CALLS) / CALLS
    return {"tap_passing_us": round(passing * 1e6, 3), "tap_noting_us": round(noted * 1e6, 3)}


def measure(parts: list[str], told: argparse.Namespace) -> dict[str, Any]:
    """Run the parts that are asked for."""
    answer: dict[str, Any] = {"load_average": os.getloadavg()[0]}
    if "latency" in parts:
        from benchmarks.comparing.latency import measure as latency

        answer |= cost_of_the_tap()
        with tempfile.TemporaryDirectory(prefix="comparator-") as folder:
            answer |= latency(Path(folder), told.pairs, told.seconds)
    if "power" in parts:
        from benchmarks.comparing.power import power

        with tempfile.TemporaryDirectory(prefix="comparator-") as folder:
            answer |= power(Path(folder), told.seed)
    if "agreement" in parts:
        from benchmarks.comparing.agreement import agree

        with tempfile.TemporaryDirectory(prefix="comparator-") as folder:
            answer |= agree(Path(folder), told.operations)
    return {**answer, "unmet": unmet(answer)}


def unmet(answer: dict[str, Any]) -> list[str]:
    """Say what is not as it must be."""
    found = []
    if answer.get("primary_p99_ratio", 0.0) > RATIO:
        found.append(f"the primary's p99 rises {answer['primary_p99_ratio']}-fold, more than {RATIO}")
    if answer.get("detected") != answer.get("mutants"):
        found.append(f"not detected: {', '.join(answer['undetected'])}")
    if answer.get("sound_alarms") or answer.get("false_alarms"):
        found.append("there were false alarms")
    return found


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="./dev bench comparator", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="PART")
    parser.add_argument("--pairs", type=int, default=10, help="of windows with and without")
    parser.add_argument("--seconds", type=float, default=8.0, help="that a window lasts")
    parser.add_argument("--seed", type=int, default=1, help="of the work that mutants are tried under")
    parser.add_argument("--operations", type=int, default=100_000, help="compared where nothing is wrong")
    told = parser.parse_args()
    answer = measure(told.parts or list(PARTS), told)
    sys.stdout.write(json.dumps(answer) + "\n")
    return 1 if answer["unmet"] else 0


if __name__ == "__main__":
    sys.exit(main())
