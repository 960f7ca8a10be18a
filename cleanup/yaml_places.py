"""Where things stand in a YAML file, so that they can be cut out by line and every other byte stays.

A round trip through a YAML library keeps comments, but re-indents lists and re-wraps long lines; so the parser is only
asked for places, the cut is made in the text, and the parser then proves that exactly the meant thing is gone.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A scalar that is rewritten: `new` makes of what is written there, and of its value, what shall be."""

    path: Path
    new: Callable[[str], str]
    quoted: bool = True  # also where it is quoted; what is written there must then not need other quotes


def replacing(path: Path, old: str, new: str) -> Change:
    """Return the change of a scalar from one value to another."""
    return Change(path, lambda written: written.replace(old, new, 1))


def changed(text: str, changes: Callable[[Any], Iterable[Change]]) -> str:
    """Return the text with every scalar rewritten that `changes` names, asked again after each.

    A change that would change anything else is not made.
    """
    refused: set[Path] = set()
    while (document := parse(text)) is not None:
        change = next((c for c in changes(document) if c.path not in refused), None)
        if change is None:
            return text
        owner, expected = document, plain(text)
        target = expected
        for part in change.path[:-1]:
            owner, target = owner[part], target[part]
        target[change.path[-1]] = change.new(target[change.path[-1]])
        place = scalar(text, owner, change.path[-1], quoted=change.quoted)
        start, end = place or (0, 0)
        after = text[:start] + change.new(text[start:end]) + text[end:]
        if place is None or plain(after) != expected:
            refused.add(change.path)
        else:
            text = after
    return text


def without(text: str, cuts: Callable[[Any], Iterable[Path]]) -> str:
    """Return the text without everything that `cuts` names in the parsed document, asked again after each cut.

    A path leads from the top to a key or an item. A cut that would change anything else is not made.
    """
    refused: set[Path] = set()
    while (document := parse(text)) is not None:
        path = next((p for p in cuts(document) if p not in refused), None)
        if path is None:
            return text
        owner, expected = document, plain(text)
        target = expected
        for part in path[:-1]:
            owner, target = owner[part], target[part]
        del target[path[-1]]
        after = without_part(text, owner, path[-1])
        if after is None or plain(after) != expected:
            refused.add(path)
        else:
            text = after
    return text


def without_part(text: str, owner: Any, key: str | int) -> str | None:
    """Return the text without a key of a mapping or an item of a sequence; None where its style is not understood."""
    if isinstance(owner, CommentedMap):
        return None if owner.fa.flow_style() else without_key(text, owner, str(key))
    return without_item(text, owner, key) if isinstance(key, int) else None


def parse(text: str) -> Any:
    """Return the document with places, or None where it is no YAML of one document."""
    try:
        return YAML(typ="rt").load(io.StringIO(text))
    except (YAMLError, ValueError):
        return None


def plain(text: str) -> Any:
    """Return the document as plain values, for comparison; None where it is no YAML of one document."""
    try:
        return YAML(typ="safe", pure=True).load(io.StringIO(text))
    except (YAMLError, ValueError):
        return None


def without_key(text: str, owner: CommentedMap, key: str) -> str:
    """Return the text without a key of a block mapping, its value, and the comments right above it."""
    line, column = owner.lc.key(key)
    return _cut(text, line, column, item=False)


def without_item(text: str, owner: CommentedSeq, i: int) -> str:
    """Return the text without an item of a sequence, in either style."""
    line, column = owner.lc.item(i)
    if owner.fa.flow_style():
        return _cut_flow(text, owner, i)
    dash = text.splitlines(keepends=True)[line].rfind("-", 0, column)
    return _cut(text, line, dash, item=True)


def scalar(
    text: str, owner: CommentedMap | CommentedSeq, key: str | int, *, quoted: bool = False
) -> tuple[int, int] | None:
    """Return where a plain or literal scalar's own text begins and ends, or None for any other style.

    With `quoted` also where a quoted one does; what is written there must not need other quotes.
    """
    lines = text.splitlines(keepends=True)
    if isinstance(owner, CommentedMap):
        line, indent = owner.lc.key(key)
        line, column = owner.lc.value(key)
    else:
        line, column = owner.lc.item(key)
        indent = lines[line].rfind("-", 0, column)
    head = lines[line][column:].strip()
    start = sum(map(len, lines[:line]))
    if head[:1] in ("|", ">"):
        end = line + 1
        while end < len(lines) and (not lines[end].strip() or _indent(lines[end]) > indent):
            end += 1
        return start + len(lines[line]), sum(map(len, lines[:end]))
    following = lines[line + 1] if line + 1 < len(lines) else ""
    if (
        head[:1] in ("", "[", "{", "&", "*", "!")
        or (head[:1] in ("'", '"') and not quoted)
        or (following.strip() and _indent(following) > indent + 2)
    ):
        return None
    return start + column, start + len(lines[line].rstrip("\r\n"))


def _cut(text: str, line: int, indent: int, *, item: bool) -> str:
    lines = text.splitlines(keepends=True)
    end = line + 1
    while end < len(lines) and _inside(lines[end], indent, item=item):
        end += 1
    while end > line + 1 and _trails(lines[end - 1], indent):
        end -= 1
    start = line
    while start > 0 and lines[start - 1].lstrip().startswith("#") and _indent(lines[start - 1]) == indent:
        start -= 1
    if start > 0 and (not lines[start - 1].strip() or _indent(lines[start - 1]) < indent):
        while end < len(lines) and not lines[end].strip():
            end += 1  # one of two blank stretches is enough, and none right below the parent
    return "".join(lines[:start] + lines[end:])


def _inside(line: str, indent: int, *, item: bool) -> bool:
    if not line.strip() or line.lstrip().startswith("#"):
        return True
    deeper = _indent(line) > indent
    return deeper or (not item and _indent(line) == indent and line.lstrip().startswith("- "))


def _trails(line: str, indent: int) -> bool:
    """Whether a last line is no part of the block: blank, or a comment of what comes next."""
    return not line.strip() or (line.lstrip().startswith("#") and _indent(line) <= indent)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _cut_flow(text: str, owner: CommentedSeq, i: int) -> str:
    offsets = [0]
    for line in text.splitlines(keepends=True):
        offsets.append(offsets[-1] + len(line))
    starts = [offsets[owner.lc.item(k)[0]] + owner.lc.item(k)[1] for k in range(len(owner))]
    if i + 1 < len(owner):
        return text[: starts[i]] + text[starts[i + 1] :]
    closing = text.index("]", starts[i])
    begin = text.rindex(",", 0, starts[i]) if i else starts[i]
    return text[:begin] + text[closing:]
