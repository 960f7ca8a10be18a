"""Three sides that take the same steps: two mounts and a plain directory, and what is seen to differ.

A difference that ``dualfuse.differences`` explains is *known*; one between the mounts that it does not explain is
*apart*; when both mounts agree and only the plain directory does otherwise, they are *against plain*.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dualfuse.differences import HIDDEN_FILE, Difference, accepted
from dualfuse.steps import NAMES, Side, Step
from dualfuse.trees import HIDDEN, tree


@dataclass(frozen=True, slots=True)
class Seen:
    """One difference, with what each side has shown."""

    what: str  # the step, or the path in the tree
    a: Any
    b: Any
    plain: Any
    known: Difference | None = None

    @property
    def is_apart(self) -> bool:
        """Whether the mounts differ and nothing explains it."""
        return self.known is None and bool(self.a != self.b)

    @property
    def is_against_plain(self) -> bool:
        """Whether both mounts do the same and a plain directory something else, without a known reason."""
        return self.known is None and bool(self.a == self.b)

    def as_json(self) -> dict[str, object]:
        """Give it with only what differs of each side."""
        sides = {"a": self.a, "b": self.b, "plain": self.plain}
        if all(isinstance(each, dict) for each in sides.values()):
            keys = {key for each in sides.values() for key in each}
            apart = {key for key in keys if not self.a.get(key) == self.b.get(key) == self.plain.get(key)}
            sides = {name: {key: each.get(key) for key in sorted(apart)} for name, each in sides.items()}
        return {"operation": self.what, **sides}


class Lockstep:
    """The three sides, in the order a, b, plain; ``strict``: a known difference excuses side a alone, fusepy."""

    def __init__(self, sides: tuple[Side, Side, Side], strict: bool = False) -> None:
        self.sides = sides
        self._strict = strict
        self._linked: set[int] = set()  # inode numbers on the plain directory of files that ever had two names
        self.ended = False  # a known difference has set the trees apart for good: nothing later can be compared

    def avoidable(self, step: Step) -> bool:
        """Whether a step renames a file to another name of itself.

        Nothing happens then, by POSIX; libfuse2's kernel side drops one of the names (see dualfuse.differences).
        """
        plain = self.sides[2]
        try:
            return step.kind == "rename" and os.path.samestat(
                os.lstat(plain.at(step.path)), os.lstat(plain.at(step.other))
            )
        except OSError:
            return False

    def take(self, step: Step) -> tuple[list[Any], Seen | None]:
        """Take one step on all sides; gives the three results, and how they differ."""
        a, b, plain = self.sides
        file = self._inode(step)
        results = [a.run(step), b.run(step), plain.run(step)]
        if step.kind == "link" and results[2] == 0:
            self._linked.add(file)
        if results[0] == results[1] == results[2]:
            return results, None
        if self._meets_hidden_file(step, results):
            self.ended = True
            return results, Seen(str(step), results[0], results[1], results[2], HIDDEN_FILE)
        return results, self._judge(str(step), results, file)

    def compare_trees(self) -> list[Seen]:
        """Compare everything that is there on the three sides."""
        trees = [tree(side.root) for side in self.sides]
        if trees[0] == trees[1] == trees[2]:
            return []
        found = []
        for path in sorted(set().union(*trees)):
            values = [each.get(path) for each in trees]
            if not values[0] == values[1] == values[2]:
                found.append(self._judge(f"tree: {path}", values, self._inode(Step("status", path))))
        return found

    def _judge(self, what: str, values: list[Any], file: int) -> Seen:
        a, b, plain = values
        known = None
        if not self._strict or b == plain:
            known = accepted(a, b, plain, file in self._linked)
        return Seen(what, a, b, plain, known)

    def _inode(self, step: Step) -> int:
        """The number, on the plain directory, of the file that a step is about; 0 for none."""
        plain = self.sides[2]
        try:
            if step.kind.startswith("held_"):
                return os.fstat(plain.held(NAMES[step.number % 3])).st_ino
            return os.lstat(plain.at(step.path)).st_ino
        except OSError:
            return 0

    def _meets_hidden_file(self, step: Step, results: list[Any]) -> bool:
        """Whether a directory is empty but for files libfuse keeps there, and so cannot be removed or replaced."""
        if "ENOTEMPTY" not in results[:2] or results[2] != 0 or not {*results[:2]} <= {"ENOTEMPTY", 0}:
            return False
        if self._strict and results[0] != "ENOTEMPTY":
            return False
        gone = step.other if step.kind == "rename" else step.path
        refusing = [side for side, result in zip(self.sides, results, strict=True) if result == "ENOTEMPTY"]
        names = [os.listdir(side.at(gone)) for side in refusing]  # noqa: PTH208
        return all(each and all(name.startswith(HIDDEN) for name in each) for each in names)


@contextmanager
def workplaces(directory_a: str | Path, directory_b: str | Path) -> Iterator[tuple[Side, Side, Side]]:
    """Give a directory of its own on each mount, and a plain temporary one; all are removed again."""
    token = uuid.uuid4().hex[:8]
    roots = [Path(directory_a, f"parity-a-{token}"), Path(directory_b, f"parity-b-{token}")]
    sides: list[Side] = []
    with tempfile.TemporaryDirectory(prefix="parity-plain-") as plain:
        try:
            for root in roots:
                root.mkdir()
            sides = [Side(root) for root in [*roots, Path(plain)]]
            yield sides[0], sides[1], sides[2]
        finally:
            for side in sides:
                side.close()
            for root in roots:
                shutil.rmtree(root, ignore_errors=True)
