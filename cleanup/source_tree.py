"""Removes the code that only the migration needed: the old backend's package and the migration scripts."""

from __future__ import annotations

import re
from collections.abc import Iterable

from cleanup.repository import Tree

_LEGACY = re.compile(r"^(?:src/(?:.+/)?fuse/backends/fusepy|scripts/migration)(?=/)")


def folder_of(path: str) -> str | None:
    """Return the legacy folder a file lies in, or None."""
    found = _LEGACY.match(path)
    return found[0] if found else None


def folders(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the legacy folders among the paths of a tree."""
    return tuple(sorted({folder for path in paths if (folder := folder_of(path)) is not None}))


def edits(tree: Tree) -> dict[str, bytes | None]:
    """Return the removal of every file in a legacy folder."""
    return {path: None for path in tree.paths if folder_of(path) is not None}
