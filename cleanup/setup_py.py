"""Takes the old backend out of setup.py: of its lists of requirements, and the extras called after it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

import libcst as cst

from cleanup import names
from cleanup.python_code import Source, parses
from cleanup.repository import Tree
from cleanup.shell import is_old_requirement


def edits(tree: Tree) -> dict[str, bytes | None]:
    """Return the new content of every setup.py that requires the old backend."""
    found: dict[str, bytes | None] = {}
    for path in tree.paths:
        if PurePosixPath(path).name == "setup.py" and names.MENTION.search(before := tree.text(path)):
            after = without_requirements(before)
            if after != before:
                found[path] = after.encode(errors="surrogateescape")
    return found


def without_requirements(text: str) -> str:
    """Return a setup.py whose lists of requirements no longer name the old backend."""
    if not parses(text):
        return text
    while True:
        source = Source(text)
        after = next((source.without(owner, i) for owner, i in _old_requirements(source)), None)
        if after is None or not parses(after):
            return text
        text = after


def _old_requirements(source: Source) -> Iterator[tuple[cst.List | cst.Tuple | cst.Set | cst.Dict, int]]:
    for owner in source.nodes():
        if isinstance(owner, cst.Dict):
            for i, entry in enumerate(owner.elements):
                key = entry.key if isinstance(entry, cst.DictElement) else None
                items = entry.value.elements if isinstance(entry.value, cst.List | cst.Tuple) else ()
                old = items and all(_is_old(item.value) for item in items)
                if old and isinstance(key, cst.SimpleString) and names.of_old_alone(str(key.evaluated_value)):
                    yield owner, i
        elif isinstance(owner, cst.List | cst.Tuple | cst.Set):
            yield from ((owner, i) for i, element in enumerate(owner.elements) if _is_old(element.value))


def _is_old(value: cst.BaseExpression) -> bool:
    return isinstance(value, cst.SimpleString) and is_old_requirement(str(value.evaluated_value))
