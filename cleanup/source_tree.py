"""Removes the code that only the migration needed: the old backend's modules, vendored copies, the migration scripts.

What other code still stands on stays, and a person is told who does.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from cleanup import kit_files, names
from cleanup.repository import Tree

_LEGACY = re.compile(r"^(?:src/(?:.+/)?fuse/backends/fusepy|scripts/migration)(?=/)")
_VENDORED = re.compile(r"^(?:.+/)?(?:_?vendor|_?vendored|third_party|extern|_ext)/(?:.+/)?fusepy(?=/)")
_COPY = re.compile(r"find_library\(\s*['\"]fuse['\"]\s*\)")


@dataclass(frozen=True)
class Removal:
    """What goes of a project's source, and what has to stay."""

    edits: dict[str, bytes | None] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)  # folder or file → who stands on it


def folder_of(path: str) -> str | None:
    """Return the folder of the old backend or of the migration that a file lies in, or None."""
    found = _LEGACY.match(path) or _VENDORED.match(path)
    return found[0] if found else None


def folders(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the folders of the old backend and of the migration among the paths of a tree."""
    return tuple(sorted({folder for path in paths if (folder := folder_of(path)) is not None}))


def edits(tree: Tree) -> dict[str, bytes | None]:
    """Return the removal of everything that goes, and the edits of the code that imported it."""
    return removal(tree).edits


def removal(tree: Tree) -> Removal:
    """Return what goes, and what stays because code stands on it."""
    units = {unit for path in tree.paths if (unit := _unit(tree, path)) is not None}
    kept: dict[str, str] = {}
    while True:
        going = units - kept.keys()
        gone = {path for path in tree.paths if _unit(tree, path) in going}
        edited, stands = _edits_of_the_rest(tree, going, gone)
        new = {unit: who for unit, who in stands.items() if unit in going}
        if not new:
            return Removal({**dict.fromkeys(sorted(gone)), **edited, **_tests(tree, gone, edited)}, kept)
        kept |= new


def _tests(tree: Tree, gone: Collection[str], edited: Mapping[str, bytes]) -> dict[str, bytes | None]:
    """Return the project's own tests without the cases of the old backend."""
    found: dict[str, bytes | None] = {}
    for path in tree.paths:
        text = edited[path].decode(errors="surrogateescape") if path in edited else tree.text(path)
        named = re.search(r"test_[^/]*\.py$|_test\.py$", path) and names.OLD_BACKEND in text
        if not named or path in gone or kit_files.is_own(path, text):
            continue
        from cleanup import own_tests, python_code  # libcst is heavy, and most files have nothing for it

        if own_tests.is_test(path) and python_code.parses(text):
            after = own_tests.without_old_cases(text)
            if after != text:
                found[path] = after.encode(errors="surrogateescape")
    return found


def _unit(tree: Tree, path: str) -> str | None:
    """Return what a file goes with: its folder, or itself, or nothing where it stays."""
    folder = folder_of(path)
    if folder is not None or not path.endswith(".py") or kit_files.is_own(path, tree.text(path)):
        return folder
    name = PurePosixPath(path).name
    if names.of_old_alone(name.removesuffix(".py")) and "dual" not in name:
        return path
    text = tree.text(path)
    return path if name in ("fuse.py", "fusepy.py") and _COPY.search(text) and "class FUSE" in text else None


def _edits_of_the_rest(tree: Tree, going: set[str], gone: set[str]) -> tuple[dict[str, bytes], dict[str, str]]:
    """Return the edited code that stays, and which of what goes it stands on."""
    if not any(path.endswith(".py") for path in gone):
        return {}, {}
    from cleanup import python_code  # libcst is heavy, and most projects have nothing for it
    from cleanup.modules import Importing

    edited: dict[str, bytes] = {}
    stands: dict[str, str] = {}
    lasts = {PurePosixPath(unit).name.removesuffix(".py") for unit in going}
    for path in tree.paths:
        text = tree.text(path)
        if path in gone or not path.endswith(".py") or not any(last in text for last in lasts):
            continue
        if not python_code.parses(text):
            continue
        try:
            after = python_code.without_imports(text, Importing(path, going))
        except python_code.StillUsedError as where:
            stands |= {unit: f"{path}:{where}" for unit in going if _uses(text, path, unit)}
            continue
        if after != text:
            edited[path] = after.encode(errors="surrogateescape")
    return edited, stands


def _uses(text: str, path: str, unit: str) -> bool:
    from cleanup import python_code
    from cleanup.modules import Importing

    try:
        python_code.without_imports(text, Importing(path, {unit}))
    except python_code.StillUsedError:
        return True
    return False
