"""What a cleanup action is: one step of week 8 in the project, with what it changes, its proof and its way back."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass

from cleanup.repository import Edits, Tree

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Action:
    """One step; applying it again changes nothing, and being killed anywhere leaves it done or not begun."""

    subject: str  # "requirements"
    before: str
    after: str
    undo: str  # a command
    files: tuple[str, ...]  # the project's files it touches, relative to the project
    apply: Callable[[Say], None]  # raises ChangeFailedError, or UsageError where the project is not fit for it
    holds: Callable[[], str | None]  # None: it holds; else why not
    diff: Callable[[], str]  # what it would change, as a unified diff; empty where it changes no file


def unified(tree: Tree, edits: Edits) -> str:
    """Return edits of a tree as git would show them."""
    parts = []
    for path in sorted(edits):
        data = edits[path]
        text = tree.text(path)
        before, after = _lines(text), _lines("" if data is None else data.decode(errors="surrogateescape"))
        there, then = f"a/{path}", "/dev/null" if data is None else f"b/{path}"
        if "\0" in text:
            parts.append(f"Binary files {there} and {then} differ\n")
            continue
        lines = list(difflib.unified_diff(before, after, there, then)) or [f"--- {there}\n", f"+++ {then}\n"]
        parts += [line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines]
    return "".join(parts)


def _lines(text: str) -> list[str]:
    """Return lines as git counts them: only a line feed ends one."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)
