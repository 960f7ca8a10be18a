"""Takes the old backend out of Grafana dashboards and seccomp profiles.

JSON has no comments but its author's own line breaks: a small scanner finds where each value stands, the cut is made in
the text, and the json module proves that exactly the meant item is gone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cleanup import names
from cleanup.cutting import Span, without_element
from cleanup.repository import Tree

_SPACE = re.compile(r"[ \t\r\n]*")
_OLD_QUERY = re.compile(r"(?:backend|primary|shadow)\s*=~?\s*[\"']fusepy[\"']")

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a JSON text, and where it stands."""

    span: Span
    data: Any
    items: tuple[Value, ...] = ()  # of an array, or the values of an object
    keys: tuple[str, ...] = ()


def edits(tree: Tree) -> dict[str, bytes | None]:
    """Return the new content of every dashboard and profile that names the old backend."""
    found: dict[str, bytes | None] = {}
    for path in tree.paths:
        if path.endswith(".json") and names.MENTION.search(before := tree.text(path)):
            after = without_old_entries(before)
            if after != before:
                found[path] = after.encode(errors="surrogateescape")
    return found


def without_old_entries(text: str) -> str:
    """Return a dashboard without the panels and queries of the old backend, or a profile without its rules.

    Any other JSON, and what cannot be cut out cleanly, stays as it is.
    """
    refused: set[Path] = set()
    while (value := scanned(text)) is not None:
        path = next((p for p in _old_entries(value.data) if p not in refused), None)
        if path is None:
            return text
        owner, expected = value, json.loads(text)
        target = expected
        for part in path[:-1]:
            owner = owner.items[owner.keys.index(part) if isinstance(part, str) else part]
            target = target[part]
        i = int(path[-1])
        del target[i]
        after = without_element(text, [item.span for item in owner.items], i, comma_at_end=False)
        if _loaded(after) != expected:
            refused.add(path)
        else:
            text = after
    return text


def _old_entries(document: Any) -> Iterator[Path]:
    if not isinstance(document, dict):
        return
    for i, rule in enumerate(_list(document.get("syscalls"))):
        if isinstance(rule, dict) and names.of_old_alone(str(rule.get("comment", ""))):
            yield ("syscalls", i)
    yield from _old_panels(document, ())


def _old_panels(owner: dict[str, Any], path: Path) -> Iterator[Path]:
    for i, panel in enumerate(_list(owner.get("panels"))):
        if not isinstance(panel, dict):
            continue
        targets = _list(panel.get("targets"))
        old = [k for k, target in enumerate(targets) if isinstance(target, dict) and _is_old(target.get("expr"))]
        if (old and len(old) == len(targets)) or (not targets and names.of_old_alone(str(panel.get("title", "")))):
            yield (*path, "panels", i)
        else:
            yield from ((*path, "panels", i, "targets", k) for k in old)
            yield from _old_panels(panel, (*path, "panels", i))


def _is_old(expression: Any) -> bool:
    return _OLD_QUERY.search(str(expression)) is not None


def asks_for_old(expression: str) -> bool:
    """Return whether a query asks for the old backend's samples, which never come again."""
    return _is_old(expression)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def scanned(text: str) -> Value | None:
    """Return a JSON text's value with every place, or None where it is no JSON."""
    if _loaded(text) is None:
        return None
    return _value(text, _skip(text, 0))


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _value(text: str, start: int) -> Value:
    if text[start] not in "[{":
        data, end = json.JSONDecoder().raw_decode(text, start)
        return Value(Span(start, end), data)
    items: list[Value] = []
    keys: list[str] = []
    at = _skip(text, start + 1)
    while text[at] not in "]}":
        if text[start] == "{":
            key = _value(text, at)
            keys.append(key.data)
            at = _skip(text, _skip(text, key.span.end) + 1)
        items.append(_value(text, at))
        at = _skip(text, items[-1].span.end)
        at = _skip(text, at + 1) if text[at] == "," else at
    data = (
        [item.data for item in items] if text[start] == "[" else dict(zip(keys, (i.data for i in items), strict=True))
    )
    return Value(Span(start, at + 1), data, tuple(items), tuple(keys))
