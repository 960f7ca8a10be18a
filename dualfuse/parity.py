"""Do two mounted directories behave alike? ``python -m dualfuse.parity A B [--steps 300] [--seed N]``.

A random sequence of operations runs on both and on a plain temporary directory, each step compared by its result or
errno and by the whole tree afterwards. Prints {"ok", "steps", "seed", "accepted", "differences": […], "against_plain":
[…], "unsupported": [kinds]}; ``ok`` means that A and B never differed but for what ``dualfuse.differences`` accepts.
A and B may be two mounts of one store: each side works in a directory of its own.
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dualfuse.differences import accepted
from dualfuse.steps import KINDS, Side, Step, choose, supported, tree

_MOST = 20  # differences kept of each sort: after the first, later ones are often its consequences


@dataclass(slots=True)
class Report:
    """The outcome of one sequence."""

    ok: bool
    steps: int
    seed: int
    accepted: int = 0  # differences that are known, see dualfuse.differences
    differences: list[dict[str, object]] = field(default_factory=list)
    against_plain: list[dict[str, object]] = field(default_factory=list)
    unsupported: list[str] = field(default_factory=list)


def compare(directory_a: str | Path, directory_b: str | Path, steps: int = 300, seed: int | None = None) -> Report:
    """Run one random sequence; the same seed gives the same sequence on file systems that support the same kinds."""
    seed = random.SystemRandom().randrange(1 << 32) if seed is None else seed
    generator = random.Random(seed)
    report = Report(True, 0, seed)
    with _workplaces(Path(directory_a), Path(directory_b)) as (a, b, plain):
        kinds = []
        for kind in KINDS:
            on_a, on_b = supported(kind, a.root), supported(kind, b.root)
            if on_a and on_b:
                kinds.append(kind)
            elif on_a != on_b:
                report.differences.append({"step": 0, "operation": kind, "a": on_a, "b": on_b, "what": "supported"})
            else:
                report.unsupported.append(kind)
        agreed = True  # with the plain directory; once apart, every later tree would differ for the same reason
        for number in range(1, steps + 1):
            step = choose(generator, kinds, plain)
            agreed = _run(number, step, (a, b, plain), report, agreed)
            report.steps = number
            if len(report.differences) >= _MOST:
                break
    report.ok = not report.differences
    return report


def _run(number: int, step: Step, sides: tuple[Side, Side, Side], report: Report, agreed: bool) -> bool:
    results = [side.run(step) for side in sides]
    trees = [tree(side.root) for side in sides]
    for what, (on_a, on_b, on_plain) in (("result", results), ("tree", trees)):
        entry = {"step": number, "operation": str(step), "what": what}
        if on_a != on_b:
            unexplained = _unexplained(what, on_a, on_b, on_plain)
            if unexplained is None:
                report.accepted += 1
            else:
                report.differences.append({**entry, **unexplained})
        if agreed and on_a == on_b and on_a != on_plain:
            report.against_plain.append({**entry, **_apart("mounted", on_a, "plain", on_plain)})
            agreed = what != "tree"
    return agreed


def _unexplained(what: str, on_a: Any, on_b: Any, on_plain: Any) -> dict[str, object] | None:
    """Show how two results or trees differ, without what ``dualfuse.differences`` accepts; None if nothing is left."""
    if what == "result":
        return None if accepted(on_a, on_b, on_plain) else _apart("a", on_a, "b", on_b)
    left, right = dict(on_a), dict(on_b)
    for path in on_a.keys() & on_b.keys():
        if left[path] != right[path] and accepted(left[path], right[path], on_plain.get(path)):
            del left[path], right[path]
    return _apart("a", left, "b", right) if left != right else None


def _apart(left_name: str, left: object, right_name: str, right: object) -> dict[str, object]:
    """Show two values, of dictionaries only the keys that differ."""
    if isinstance(left, dict) and isinstance(right, dict):
        keys = sorted(key for key in left.keys() | right.keys() if left.get(key) != right.get(key))[:5]
        left, right = {key: left.get(key) for key in keys}, {key: right.get(key) for key in keys}
    return {left_name: left, right_name: right}


@contextmanager
def _workplaces(directory_a: Path, directory_b: Path) -> Iterator[tuple[Side, Side, Side]]:
    token = uuid.uuid4().hex[:8]
    a, b = directory_a / f"parity-a-{token}", directory_b / f"parity-b-{token}"
    sides = []
    with tempfile.TemporaryDirectory(prefix="parity-plain-") as plain:
        try:
            for root in (a, b):
                root.mkdir()
            sides = [Side(a), Side(b), Side(Path(plain))]
            yield sides[0], sides[1], sides[2]
        finally:
            for side in sides:
                side.close()
            for root in (a, b):
                shutil.rmtree(root, ignore_errors=True)


def main(argv: list[str] | None = None) -> int:
    """Run the command; the exit code is 0 when A and B never differed, else 1."""
    parser = argparse.ArgumentParser(prog="python -m dualfuse.parity", description=__doc__)
    parser.add_argument("directory_a")
    parser.add_argument("directory_b")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seed", type=int)
    arguments = parser.parse_args(argv)
    report = compare(arguments.directory_a, arguments.directory_b, arguments.steps, arguments.seed)
    print(json.dumps(asdict(report), default=str))  # noqa: T201
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
