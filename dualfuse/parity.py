"""Do two mounted directories behave alike? ``python -m dualfuse.parity A B [--steps 300] [--seed N]``.

Random sequences of operations run on both and on a plain temporary directory; after each step its result or errno and
the whole tree are compared. Hypothesis chooses the steps where it is installed, else plain chance ("chosen_by"). The
first difference that ``dualfuse.differences`` does not accept is shrunk, and a script is written that replays it.
Prints {"ok", "steps", "seed", "accepted", "differences": […], "minimal": [steps], "script", "replays",
"against_plain": […], "unsupported": [kinds], "chosen_by"}; ``ok`` means that A and B never differed. A and B may be two
mounts of one store: each side works in directories of its own.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from dualfuse.exploring import Judge, explore
from dualfuse.replay import replay, shrink, write_script
from dualfuse.steps import KINDS, supported

_MOST = 20  # differences kept of each sort: after the first, later ones are often its consequences
_SHRINKING = 60.0  # seconds; what is smallest then is reported


@dataclass(slots=True)
class Report:
    """The outcome of a run."""

    ok: bool
    steps: int
    seed: int
    accepted: int = 0  # differences that are known, see dualfuse.differences
    differences: list[dict[str, object]] = field(default_factory=list)
    minimal: list[str] = field(default_factory=list)
    script: str | None = None
    replays: bool | None = None  # whether the script has shown the difference again, None without one
    against_plain: list[dict[str, object]] = field(default_factory=list)
    unsupported: list[str] = field(default_factory=list)
    chosen_by: str = ""


def compare(
    directory_a: str | Path,
    directory_b: str | Path,
    steps: int = 300,
    seed: int | None = None,
    script: Path | None = None,
    shrinking: float = _SHRINKING,
) -> Report:
    """Take so many random steps; the same seed gives the same ones on file systems that support the same kinds."""
    seed = random.SystemRandom().randrange(1 << 32) if seed is None else seed
    a, b = Path(directory_a), Path(directory_b)
    report = Report(True, 0, seed)
    kinds = []
    for kind in KINDS:
        on_a, on_b = supported(kind, a), supported(kind, b)
        if on_a and on_b:
            kinds.append(kind)
        elif on_a != on_b:
            report.differences.append({"step": 0, "operation": kind, "a": on_a, "b": on_b, "what": "supported"})
        else:
            report.unsupported.append(kind)

    judge = Judge((a, b), steps)
    report.chosen_by = _explore(kinds, judge, seed)
    report.steps, report.accepted = judge.steps, judge.known
    report.against_plain = [{"step": step, **seen.as_json()} for step, seen in judge.against_plain[:_MOST]]
    if judge.found:
        smallest = shrink(judge.found, lambda steps: bool(replay(steps, a, b)), shrinking)
        seen = replay(smallest, a, b)
        report.replays = bool(seen)
        report.minimal = [str(step) for step in smallest]
        report.differences += [{"step": len(smallest), **each.as_json()} for each in seen[:_MOST]]
        target = script or Path(tempfile.gettempdir(), f"parity-{seed}.py")
        report.script = str(write_script(target, smallest, a, b))
        if not seen:
            report.differences.append(
                {"step": judge.steps, "operation": str(judge.found[-1]), "what": "seen once only"}
            )
    report.ok = not report.differences
    return report


def _explore(kinds: Sequence[str], judge: Judge, seed: int) -> str:
    """Take the steps; tells by what they were chosen. Where hypothesis is not installed, as in a service's own place,
    plain chance does it: with less variety, compared and shrunk all the same."""
    try:
        from dualfuse import exploring_hypothesis
    except ModuleNotFoundError as error:
        if error.name != "hypothesis":
            raise
        explore(kinds, judge, seed)
        return "random"
    with tempfile.TemporaryDirectory(prefix="parity-") as home:
        exploring_hypothesis.explore(kinds, judge, seed, home)
    return "hypothesis"


def main(argv: list[str] | None = None) -> int:
    """Run the command; the exit code is 0 when A and B never differed, else 1."""
    parser = argparse.ArgumentParser(prog="python -m dualfuse.parity", description=__doc__)
    parser.add_argument("directory_a")
    parser.add_argument("directory_b")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--script", type=Path, metavar="FILE", help="where to write the script that replays it")
    chosen = parser.parse_args(argv)
    report = compare(chosen.directory_a, chosen.directory_b, chosen.steps, chosen.seed, chosen.script)
    print(json.dumps(asdict(report), default=str))  # noqa: T201
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
