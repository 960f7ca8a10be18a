"""Finds every trace of the old backend in a project: what is purged, and what is left to a person and why."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from cleanup import (
    compose,
    conda,
    dockerfile,
    env_files,
    haproxy,
    imports,
    ini_files,
    json_files,
    kit_files,
    names,
    prometheus,
    requirements,
    scripts,
    setup_py,
    source_tree,
    toml_files,
    workflows,
)
from cleanup.repository import Edits, Tree

BLOCK = 4  # from so many lines on, lines that go together are one row


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of thing that is purged: one module, one commit."""

    name: str  # "requirements"
    edits: Callable[[Tree], dict[str, bytes | None]]
    after: str  # what it is like afterwards
    message: str  # of the commit


def _all_of(*finders: Callable[[Tree], dict[str, bytes | None]]) -> Callable[[Tree], dict[str, bytes | None]]:
    """Return what several modules edit together; they look at different files."""

    def edits(tree: Tree) -> dict[str, bytes | None]:
        return {path: data for finder in finders for path, data in finder(tree).items()}

    return edits


KINDS: tuple[Kind, ...] = (
    Kind(
        "requirements",
        _all_of(requirements.edits, toml_files.edits, ini_files.edits, conda.edits, setup_py.edits),
        "no fusepy",
        "requirements: drop fusepy",
    ),
    Kind("dockerfile", dockerfile.edits, "pyfuse3 alone", "docker: build for pyfuse3 alone"),
    Kind("compose", compose.edits, "pyfuse3 alone", "compose: run pyfuse3 alone"),
    Kind("workflows", workflows.edits, "pyfuse3's jobs alone", "ci: drop the jobs of fusepy"),
    Kind("settings", env_files.edits, "pyfuse3 alone", "settings: pyfuse3 alone"),
    Kind("scripts", scripts.edits, "pyfuse3 alone", "scripts: install and start pyfuse3 alone"),
    Kind(
        "monitoring",
        _all_of(haproxy.edits, prometheus.edits, json_files.edits),
        "no entry of fusepy",
        "monitoring: drop the entries of fusepy",
    ),
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
    why: str = ""  # why it is left to a person, or why it stays
    stays: bool = False  # nobody needs to touch it

    @property
    def left_to_a_person(self) -> bool:
        """Whether nothing here will touch it, and somebody should look at it."""
        return not self.doing and not self.stays


def inventory(tree: Tree) -> tuple[Trace, ...]:
    """Return every trace in a tree, what will be purged first."""
    found: list[Trace] = []
    purged = tree
    for kind in KINDS:
        edits = kind.edits(purged)
        found += _purges(kind, purged, edits)
        purged = purged.edited(edits)
    kept = source_tree.removal(purged).kept
    found += [Trace("source", unit, unit, 0, "", f"{who} still stands on it") for unit, who in sorted(kept.items())]
    imported = [i for i in imports.leftovers(purged) if not kit_files.is_own(i.path, purged.text(i.path))]
    found += [Trace("import", i.text, i.path, i.line, "", "code decides what it needs instead") for i in imported]
    known = {(trace.path, trace.line) for trace in found if trace.kind == "import"}
    found += [mention for mention in _mentions(purged, kept) if (mention.path, mention.line) not in known]
    return tuple(found)


def table(traces: tuple[Trace, ...]) -> str:
    """Return the inventory as one table of plain text; a file's lines that share a reason are one row."""
    rows = [("what", "where", "what is done")]
    for together in _together(traces):
        first = together[0]
        more = f" (+ {len(together) - 1} more)" if together[1:] else ""
        where = f"{first.path}:{first.line}" if first.line else first.path
        if first.stays and together[1:]:
            where = f"{len({trace.path for trace in together})} files of {first.path.split('/')[0]}"
        told = f"stays: {first.why}" if first.stays else f"left to you: {first.why}"
        rows.append((first.what[:60] + more, where, first.doing or told))
    widths = [max(len(row[i]) for row in rows) for i in range(2)]
    return "\n".join(f"{what:<{widths[0]}}  {where:<{widths[1]}}  {doing}" for what, where, doing in rows)


def _together(traces: tuple[Trace, ...]) -> list[list[Trace]]:
    groups: dict[object, list[Trace]] = {}
    for number, trace in enumerate(traces):
        key: object = number if trace.doing else (trace.path, trace.why)
        groups.setdefault((trace.path.split("/")[0], trace.why) if trace.stays else key, []).append(trace)
    return list(groups.values())


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
        yield Trace(kind.name, f"{count} file{'s' if count > 1 else ''}", f"{folder}/", 0, "git rm")


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


def _mentions(tree: Tree, kept: Collection[str]) -> Iterator[Trace]:
    for path in tree.paths:
        inside = any(path == unit or path.startswith(f"{unit}/") for unit in kept)
        if names.MENTION.search(path) and not inside and not kit_files.is_own(path, tree.text(path)):
            yield Trace("mention", PurePosixPath(path).name, path, 0, "", "only its name speaks of the old backend")
        text = tree.text(path)
        if "\0" in text[:8000] or not names.MENTION.search(text):
            continue
        why = _why_left(path)
        for number, line in enumerate(text.splitlines(), 1):
            if names.MENTION.search(line):
                own = kit_files.is_own_line(path, line)
                yield Trace("mention", line.strip(), path, number, "", kit_files.WHY if own else why, stays=own)


def _why_left(path: str) -> str:
    pure = PurePosixPath(path)
    if pure.name.endswith(".lock") or pure.name == "package-lock.json":
        return "a lock file is made again by its own tool"
    if pure.suffix in (".md", ".rst", ".txt", ".adoc"):
        return "prose is for its author to change"
    if pure.suffix == ".py":
        return "a word in code or a comment"
    return "no rule here is sure what it means"
