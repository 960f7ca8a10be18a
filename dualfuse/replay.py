"""Replay a sequence of steps on two directories and a plain one, and show what each of them did.

``python -m dualfuse.parity`` writes a script that does this with the shortest sequence it could find.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from dualfuse.lockstep import Lockstep, Seen, workplaces
from dualfuse.steps import Step

_SCRIPT = '''"""Steps that two mounts answer differently.

Run where dualfuse can be imported: `python {name} [DIRECTORY_A DIRECTORY_B]`; exits 1 while the difference is there.
"""

import sys

from dualfuse.replay import main
from dualfuse.steps import Step

STEPS = (
{steps}
)

if __name__ == "__main__":
    sys.exit(main(STEPS, {a!r}, {b!r}))
'''


def replay(steps: Sequence[Step], a: str | Path, b: str | Path, show: bool = False) -> list[Seen]:
    """Take the steps in fresh directories below a and b; gives the first differences that nothing explains."""
    with workplaces(a, b) as sides:
        lockstep = Lockstep(sides)
        for step in steps:
            results, seen = lockstep.take(step)
            if show:
                print(f"{step}\n    a: {results[0]}\n    b: {results[1]}\n    plain: {results[2]}")  # noqa: T201
            found = [each for each in ([seen] if seen is not None else []) + lockstep.compare_trees() if each.is_apart]
            if found or lockstep.ended:
                return found
    return []


def shrink(steps: Sequence[Step], shows: Callable[[Sequence[Step]], bool], seconds: float) -> list[Step]:
    """Leave out and simplify steps as long as what is left still shows the difference, for at most so long."""
    deadline = time.monotonic() + seconds
    smallest, chunk = list(steps), len(steps) // 2
    while chunk and time.monotonic() < deadline:
        size = len(smallest)
        for start in range(size - chunk, -1, -chunk):
            candidate = smallest[:start] + smallest[start + chunk :]
            if time.monotonic() < deadline and shows(candidate):
                smallest = candidate
        if len(smallest) == size or chunk > 1:
            chunk = min(chunk, len(smallest)) // 2
    for place in range(len(smallest)):
        for simpler in _simpler(smallest[place]):
            candidate = [*smallest[:place], simpler, *smallest[place + 1 :]]
            if time.monotonic() < deadline and shows(candidate):
                smallest = candidate
                break
    return smallest


def _simpler(step: Step) -> Iterator[Step]:
    """Give simpler forms of a step, the simplest first."""
    for number in (0, 1, 2, step.number % 3, step.number % 100):
        if number < step.number:
            yield from (replace(step, other="", number=number), replace(step, number=number))
    if step.other:
        yield replace(step, other="")


def write_script(path: Path, steps: Sequence[Step], a: str | Path, b: str | Path) -> Path:
    """Write the script by which anybody sees the difference again."""
    lines = "\n".join(f"    {step!r}," for step in steps)
    path.write_text(_SCRIPT.format(name=path.name, steps=lines, a=str(a), b=str(b)), encoding="utf-8")
    return path


def main(steps: Sequence[Step], a: str, b: str) -> int:
    """Replay with the directories given on the command line, if any."""
    if len(sys.argv) == 3:
        a, b = sys.argv[1:]
    found = replay(steps, a, b, show=True)
    for each in found:
        print("DIFFERS " + json.dumps(each.as_json(), default=str))  # noqa: T201
    if not found:
        print("no difference")  # noqa: T201
    return 1 if found else 0
