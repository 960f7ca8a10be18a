"""Makes a Dockerfile a single-backend one: packages, defaults and copies of the old backend go, all else stays.

Instructions are found the way Docker reads them (continuation lines, comments inside them, here-documents), words by
the shell's rules, and every edit is made by place.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from cleanup import names, shell, shell_words, source_tree
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
    present = frozenset(PurePosixPath(path).name for path in tree.paths)
    found: dict[str, bytes | None] = {}
    for path in tree.paths:
        if _FILES.match(PurePosixPath(path).name):
            before = tree.text(path)
            after = single_backend(before, folders, present)
            if after != before:
                found[path] = after.encode(errors="surrogateescape")
    return found


def single_backend(text: str, removed: Sequence[str] = (), present: Collection[str] = ()) -> str:
    """Return a Dockerfile for pyfuse3 alone.

    Args:
        text: The Dockerfile.
        removed: The folders of the project that go at the same time.
        present: The names of the project's files: a list called after the old backend that is not there is not used.
    """
    parts = _without_old_stages(instructions(text))
    return "".join(part if isinstance(part, str) else _edited(part, removed, present) for part in parts)


def _without_old_stages(parts: list[Instruction | str]) -> list[Instruction | str]:
    """Return a Dockerfile's parts without the stages called after the old backend, and what is copied from them.

    The last stage is what is built by default, and one that another stage stands on is no stage of the old backend
    alone: both stay.
    """
    begins = [i for i, part in enumerate(parts) if isinstance(part, Instruction) and part.keyword == "FROM"]
    for n, begin in enumerate(begins[:-1]):
        name = _stage(parts[begin])
        start, end = _with_comments(parts, begin), _with_comments(parts, begins[n + 1])
        others = [part for part in [*parts[:start], *parts[end:]] if isinstance(part, Instruction)]
        copies = [part for part in others if _copies_from(part, name)]
        if not names.of_old_alone(name) or any(part not in copies and _names_stage(part, name) for part in others):
            continue
        kept = [part for part in [*parts[:start], *parts[end:]] if part not in copies]
        return _without_old_stages(kept)
    return parts


def _stage(part: Instruction | str) -> str:
    words = part.body.split() if isinstance(part, Instruction) else []
    return words[-1] if len(words) > 2 and words[-2].upper() == "AS" else ""


def _with_comments(parts: list[Instruction | str], i: int) -> int:
    """Return where an instruction begins with the comments right above it."""
    while i and isinstance(above := parts[i - 1], str) and above.lstrip().startswith("#"):
        i -= 1
    return i


def _copies_from(part: Instruction, stage: str) -> bool:
    return part.keyword in ("COPY", "ADD") and f"--from={stage}" in part.body.split()


def _names_stage(part: Instruction, stage: str) -> bool:
    from_it = part.keyword == "FROM" and part.body.split()[:1] == [stage]
    return from_it or re.search(rf"from={re.escape(stage)}\b", part.body) is not None


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


def _edited(instruction: Instruction, removed: Sequence[str], present: Collection[str]) -> str:
    body = instruction.body
    match instruction.keyword:
        case "RUN" if body.startswith("["):
            body = _command(body)
        case "RUN":
            body = shell.without_old_backend(body, comments_continue=not instruction.heredoc, present=present)
        case "ONBUILD":
            body = single_backend(body, removed, present)
        case "ENV" | "ARG":
            body = _settings(body)
        case "COPY" | "ADD" if not instruction.heredoc:
            body = _copies(body, removed, present)
    return instruction.head + body if body.strip() else ""


def _command(body: str) -> str:
    """Return a command in its JSON form without the old backend."""
    try:
        words = json.loads(body)
        before = shlex.join(words)
    except (ValueError, TypeError):
        return body
    after = shell.without_old_backend(before)
    if after == before or not after:
        return body if after else ""
    return json.dumps(shlex.split(after), ensure_ascii=False) + body[len(body.rstrip()) :]


def _settings(body: str) -> str:
    """Return an ENV or ARG instruction whose values no longer name the old backend."""
    words = [t for t in shell_words.tokens(body, comments_continue=True) if not t.operator]
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


def _copies(body: str, removed: Sequence[str], present: Collection[str]) -> str:
    while True:
        words = [t for t in shell_words.tokens(body, comments_continue=True) if not t.operator]
        paths = [t for t in words if not t.text.startswith("--")]
        if any(t.text.startswith("--from=") for t in words) or body.lstrip().startswith("["):
            return body
        gone = [t for t in paths[:-1] if _is_gone(t.value, removed, present)]
        if not gone:
            return body
        if len(paths) == 2:
            return ""
        cut = shell_words.cut_word(body, words, words.index(gone[0]))
        body = body[: cut.start] + body[cut.end :]


def _is_gone(path: str, removed: Sequence[str], present: Collection[str]) -> bool:
    name = PurePosixPath(path).name
    missing = bool(present) and names.of_old_alone(name) and name not in present
    return missing or any(_lies_in(path, folder) for folder in removed)


def _lies_in(path: str, folder: str) -> bool:
    return f"{path.removeprefix('./').rstrip('/')}/".startswith(f"{folder}/")
