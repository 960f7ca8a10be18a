"""Finds every trace of the old backend in a project: what is purged, and what is left to a person and why."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from cleanup import compose, dockerfile, imports, names, requirements, source_tree, workflows
from cleanup.repository import Edits, Tree

BLOCK = 4  # from so many lines on, lines that go together are one row


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of thing that is purged: one module, one commit."""

    name: str  # "requirements"
    edits: Callable[[Tree], dict[str, bytes | None]]
    after: str  # what it is like afterwards
    message: str  # of the commit


KINDS: tuple[Kind, ...] = (
    Kind("requirements", requirements.edits, "no fusepy", "requirements: drop fusepy"),
    Kind("dockerfile", dockerfile.edits, "pyfuse3 alone", "docker: build for pyfuse3 alone"),
    Kind("compose", compose.edits, "pyfuse3 alone", "compose: run pyfuse3 alone"),
    Kind("workflows", workflows.edits, "pyfuse3's jobs alone", "ci: drop the jobs of fusepy"),
    Kind("source", source_tree.edits, "removed", "source: remove the fusepy backend and the migration scripts"),
)


@dataclass(frozen=True, slots=True)
class Trace:
    """One place where the old backend is still known."""

    kind: str  # "requirements", "import", "mention", …
    what: str  # the line, or the folder
    path: str
    line: int  # counted from 1; 0 for a whole file or folder
    doing: str  # what will be done; empty: it is left to a person
    why: str = ""  # why it is left to a person

    @property
    def left_to_a_person(self) -> bool:
        """Whether nothing here will touch it."""
        return not self.doing


def inventory(tree: Tree) -> tuple[Trace, ...]:
    """Return every trace in a tree, what will be purged first."""
    found: list[Trace] = []
    purged = tree
    for kind in KINDS:
        edits = kind.edits(purged)
        found += _purges(kind, purged, edits)
        purged = purged.edited(edits)
    imported = imports.leftovers(purged)
    found += [Trace("import", i.text, i.path, i.line, "", "code decides what it needs instead") for i in imported]
    known = {(trace.path, trace.line) for trace in found if trace.kind == "import"}
    found += [mention for mention in _mentions(purged) if (mention.path, mention.line) not in known]
    return tuple(found)


def table(traces: tuple[Trace, ...]) -> str:
    """Return the inventory as one table of plain text."""
    rows = [("what", "where", "what is done")]
    for trace in traces:
        where = f"{trace.path}:{trace.line}" if trace.line else trace.path
        rows.append((trace.what[:60], where, trace.doing or f"left to you: {trace.why}"))
    widths = [max(len(row[i]) for row in rows) for i in range(2)]
    return "\n".join(f"{what:<{widths[0]}}  {where:<{widths[1]}}  {doing}" for what, where, doing in rows)


def _purges(kind: Kind, tree: Tree, edits: Edits) -> Iterator[Trace]:
    folders: dict[str, int] = {}
    for path, data in edits.items():
        folder = source_tree.folder_of(path)
        if folder is not None and data is None:
            folders[folder] = folders.get(folder, 0) + 1
        elif data is None:
            yield Trace(kind.name, PurePosixPath(path).name, path, 0, "remove the file")
        else:
            yield from _changed_lines(kind.name, path, tree.text(path), data.decode(errors="surrogateescape"))
    for folder, count in sorted(folders.items()):
        yield Trace(kind.name, f"{count} files", f"{folder}/", 0, "git rm")


def _changed_lines(kind: str, path: str, before: str, after: str) -> Iterator[Trace]:
    old, new = before.splitlines(), after.splitlines()
    for tag, i, j, k, m in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        come = new[k:m]
        gone = [line.strip() for line in old[i:j] if line.strip()]
        if not come and len(gone) >= BLOCK:
            yield Trace(kind, f"{gone[0]} … ({len(gone)} lines)", path, i + 1, "remove")
            continue
        for number in range(i, j):
            instead = ""
            if come and (j - number <= len(come) or _alike(old[number], come[0])):
                instead = come.pop(0).strip()
            if old[number].strip():
                yield Trace(kind, old[number].strip(), path, number + 1, f"→ {instead}" if instead else "remove")


def _alike(old: str, new: str) -> bool:
    return difflib.SequenceMatcher(None, old, new, autojunk=False).ratio() >= 0.6


def _mentions(tree: Tree) -> Iterator[Trace]:
    for path in tree.paths:
        if names.MENTION.search(path):
            yield Trace("mention", PurePosixPath(path).name, path, 0, "", "only its name speaks of the old backend")
        text = tree.text(path)
        if "\0" in text[:8000] or not names.MENTION.search(text):
            continue
        why = _why_left(path)
        for number, line in enumerate(text.splitlines(), 1):
            if names.MENTION.search(line):
                yield Trace("mention", line.strip(), path, number, "", why)


def _why_left(path: str) -> str:
    pure = PurePosixPath(path)
    if pure.name.endswith(".lock") or pure.name == "package-lock.json":
        return "a lock file is made again by its own tool"
    if pure.suffix in (".md", ".rst", ".txt", ".adoc"):
        return "prose is for its author to change"
    if pure.suffix == ".py":
        return "a word in code or a comment"
    return "no rule here is sure what it means"
