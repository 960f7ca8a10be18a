"""Takes the old backend out of HAProxy's configuration: its servers, its section, and the rules that lead there.

The format is a directive a line and a section from one of a few words to the next, so the lines are its parse. What
something else still leads to stays.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cleanup import names
from cleanup.repository import Tree

_SECTIONS = frozenset(
    {"global", "defaults", "frontend", "backend", "listen", "resolvers", "peers", "userlist", "cache", "program"}
)


@dataclass(slots=True)
class _Line:
    text: str
    words: list[str]
    section: str  # "backend fusepy"


def edits(tree: Tree) -> dict[str, bytes | None]:
    """Return the new content of every haproxy*.cfg that names the old backend."""
    found: dict[str, bytes | None] = {}
    for path in tree.paths:
        if re.search(r"haproxy[^/]*(/[^/]+)?\.cfg$", path) and names.MENTION.search(before := tree.text(path)):
            after = without_old_backend(before)
            if after != before:
                found[path] = after.encode(errors="surrogateescape")
    return found


def without_old_backend(text: str) -> str:
    """Return a configuration that sends nobody to the old backend any more."""
    lines = _parsed(text)
    while old := _old_lines(lines):
        lines = [line for i, line in enumerate(lines) if i not in old]
    return "".join(line.text for line in lines)


def _parsed(text: str) -> list[_Line]:
    found, section = [], ""
    for line in text.splitlines(keepends=True):
        words = re.sub(r"(^|\s)#.*", "", line.rstrip("\r\n")).split()
        if words and words[0] in _SECTIONS:
            section = " ".join(words[:2])
        found.append(_Line(line, words, section))
    return found


def _old_lines(lines: list[_Line]) -> set[int]:
    """Return the lines that go next; asked again until there are none."""
    old: set[int] = set()
    for i, line in enumerate(lines):
        match line.words:
            case ["use_backend" | "use-server", name, *_] if names.of_old_alone(name):
                old.add(i)
            case ["server", name, *_] if names.of_old_alone(name):
                if not any(other.words[:2] == ["use-server", name] for other in lines):
                    old |= {i, *_comments_above(lines, i)}
            case ["acl", name, *rest] if names.of_old_alone(" ".join([name, *rest])):
                if not any(other is not line and name in other.words and i != k for k, other in enumerate(lines)):
                    old.add(i)
            case ["backend", name] if names.of_old_alone(name):
                leads = ("use_backend", "default_backend")
                if not any(other.words[:1] and other.words[0] in leads and other.words[1] == name for other in lines):
                    old |= _section(lines, i)
    return old


def _section(lines: list[_Line], i: int) -> set[int]:
    """Return the lines of a section, without the comments that belong to the next one."""
    inside = [k for k, line in enumerate(lines) if line.section == lines[i].section]
    end = max(k for k in inside if lines[k].words)
    while end + 1 < len(lines) and not lines[end + 1].text.strip():
        end += 1
    return set(range(i, end + 1))


def _comments_above(lines: list[_Line], i: int) -> set[int]:
    found = set()
    while i and not lines[i - 1].words and lines[i - 1].text.strip().startswith("#"):
        i -= 1
        found.add(i)
    return found if any(names.of_old_alone(lines[k].text) for k in found) else set()
