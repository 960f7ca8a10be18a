"""Makes a Dockerfile a single-backend one: packages, defaults and copies of the old backend go, all else stays.

Instructions are found the way Docker reads them (continuation lines, comments inside them, here-documents), words by
the shell's rules, and every edit is made by place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from cleanup import names, shell, source_tree
from cleanup.repository import Tree

_FILES = re.compile(r"^((Dockerfile|Containerfile)([.-].*)?|.*\.(dockerfile|containerfile))$", re.I)
_HEREDOC = re.compile(r"<<-?(['\"]?)(\w+)\1")
_INSTRUCTION = re.compile(r"\s*(?P<keyword>[A-Za-z]+)\s+")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction, with all its lines."""

    keyword: str
    head: str  # up to and with the white space after the keyword
    body: str  # the rest, with its line end
    heredoc: bool = False


def edits(tree: Tree) -> dict[str, bytes | None]:
    """Return the new content of every Dockerfile that knows the old backend."""
    folders = source_tree.folders(tree.paths)
    found: dict[str, bytes | None] = {}
    for path in tree.paths:
        if _FILES.match(PurePosixPath(path).name):
            before = tree.text(path)
            after = single_backend(before, folders)
            if after != before:
                found[path] = after.encode(errors="surrogateescape")
    return found


def single_backend(text: str, removed: Sequence[str] = ()) -> str:
    """Return a Dockerfile for pyfuse3 alone; `removed` are the folders of the project that go at the same time."""
    return "".join(part if isinstance(part, str) else _edited(part, removed) for part in instructions(text))


def instructions(text: str) -> list[Instruction | str]:
    """Return a Dockerfile's parts in order: instructions, and between them comments and blank lines as they are."""
    lines = text.splitlines(keepends=True)
    found: list[Instruction | str] = []
    i = 0
    while i < len(lines):
        match = _INSTRUCTION.match(lines[i])
        if match is None or lines[i].lstrip().startswith("#"):
            found.append(lines[i])
            i += 1
            continue
        end = i + 1
        while end < len(lines) and _continues(lines[i:end]):
            end += 1
        marks = [m[2] for m in _HEREDOC.finditer("".join(lines[i:end]))] if match["keyword"].upper() in _HERE else []
        for mark in marks:
            while end < len(lines) and lines[end].strip() != mark:
                end += 1
            end = min(end + 1, len(lines))
        whole = "".join(lines[i:end])
        found.append(Instruction(match["keyword"].upper(), match[0], whole[match.end() :], bool(marks)))
        i = end
    return found


_HERE = ("RUN", "COPY", "ADD")


def _continues(lines: Sequence[str]) -> bool:
    """Whether the next line belongs to the instruction: after a backslash, also over comment and blank lines."""
    for line in reversed(lines):
        stripped = line.strip()
        if len(lines) > 1 and (not stripped or stripped.startswith("#")) and line is not lines[0]:
            continue
        return stripped.endswith("\\")
    return False


def _edited(instruction: Instruction, removed: Sequence[str]) -> str:
    body = instruction.body
    match instruction.keyword:
        case "RUN":
            body = shell.without_old_backend(body, comments_continue=not instruction.heredoc)
        case "ENV" | "ARG":
            body = _settings(body)
        case "COPY" | "ADD" if not instruction.heredoc:
            body = _copies(body, removed)
    return instruction.head + body if body.strip() else ""


def _settings(body: str) -> str:
    """Return an ENV or ARG instruction whose values no longer name the old backend."""
    words = [t for t in shell.tokens(body, comments_continue=True) if not t.operator]
    if words and "=" not in words[0].text:  # the old form `ENV NAME VALUE`
        return _value_replaced(body, words[0].text, words[1].start, words[-1].end) if len(words) > 1 else body
    for word in reversed(words):
        name, sign, _ = word.text.partition("=")
        if sign:
            body = _value_replaced(body, name, word.start + len(name) + 1, word.end)
    return body


def _value_replaced(body: str, name: str, start: int, end: int) -> str:
    value = body[start:end]
    quote = value[0] if value[:1] in ("'", '"') else ""
    return body[:start] + quote + names.new_value(name, value.strip("'\"")) + quote + body[end:] if value else body


def _copies(body: str, removed: Sequence[str]) -> str:
    while True:
        words = [t for t in shell.tokens(body, comments_continue=True) if not t.operator]
        paths = [t for t in words if not t.text.startswith("--")]
        if any(t.text.startswith("--from=") for t in words) or body.lstrip().startswith("["):
            return body
        gone = [t for t in paths[:-1] if any(_lies_in(t.value, folder) for folder in removed)]
        if not gone:
            return body
        if len(paths) == 2:
            return ""
        cut = shell.cut_word(body, words, words.index(gone[0]))
        body = body[: cut.start] + body[cut.end :]


def _lies_in(path: str, folder: str) -> bool:
    return f"{path.removeprefix('./').rstrip('/')}/".startswith(f"{folder}/")
