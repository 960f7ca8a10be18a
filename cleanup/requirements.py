"""Takes the old backend out of pip's requirements and constraints files, and nothing else."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from cleanup import names
from cleanup.repository import Tree
from cleanup.shell import is_old_requirement

_FILES = re.compile(r"^(.*requirements.*|constraints.*)\.(txt|in)$", re.I)
_COMMENT = re.compile(r"(^|\s)#.*$")  # pip's own rule
_INCLUDE = re.compile(r"(?:-r|-c|--requirement|--constraint)(?:\s+|=)(?P<path>\S+)")


def edits(tree: Tree) -> dict[str, bytes | None]:
    """Return the new content of every list that names the old backend; one that was of nothing else goes."""
    lists = _lists(tree)
    emptied = {path for path, text in lists.items() if _is_of_old_alone(path, text)}
    found: dict[str, bytes | None] = dict.fromkeys(emptied)
    for path, before in lists.items():
        gone = {name for name in _includes(path, before).values() if name in emptied or _is_missing(name, tree)}
        after = without_requirement(before, {text for text, name in _includes(path, before).items() if name in gone})
        if after != before and path not in emptied:
            found[path] = after.encode(errors="surrogateescape")
    return found


def is_requirements_file(path: str) -> bool:
    """Return whether pip reads a file of that name: requirements*.txt, constraints*.txt, or one in requirements/."""
    pure = PurePosixPath(path)
    return bool(_FILES.match(pure.name)) or (pure.suffix in (".txt", ".in") and pure.parent.name == "requirements")


def without_requirement(text: str, excluded: frozenset[str] | set[str] = frozenset()) -> str:
    """Return a list without the old backend; a requirement goes with its continuation lines and the notes below it.

    `excluded` are the included lists that go, as they are written there.
    """
    kept: list[str] = []
    logical: list[str] = []
    noted = False  # pip-compile writes below a requirement why it is there
    for line in text.splitlines(keepends=True):
        if noted and re.match(r"[ \t]+#", line):
            continue
        noted = False
        logical.append(line)
        if line.rstrip("\r\n").endswith("\\") and not line.lstrip().startswith("#"):
            continue
        if _is_old(logical) or _included(_joined(logical)) in excluded:
            noted = True
        else:
            kept += logical
        logical = []
    return "".join(kept + logical)


def _lists(tree: Tree) -> dict[str, str]:
    """Return every list's text: the files that are called so, and whatever they include."""
    found = {path: tree.text(path) for path in tree.paths if is_requirements_file(path)}
    todo = list(found)
    while todo:
        path = todo.pop()
        for name in _includes(path, found[path]).values():
            if name in tree.content and name not in found:
                found[name] = tree.text(name)
                todo.append(name)
    return found


def _includes(path: str, text: str) -> Mapping[str, str]:
    """Return what a list includes: the path as it is written, and from the project's top."""
    written = [name for line in text.splitlines() if (name := _included(line))]
    return {name: posixpath.normpath(posixpath.join(posixpath.dirname(path), name)) for name in written}


def _included(line: str) -> str | None:
    found = _INCLUDE.match(_COMMENT.sub("", line).strip())
    return found["path"] if found else None


def _is_missing(path: str, tree: Tree) -> bool:
    """Whether an included list is called after the old backend and is gone already."""
    return path not in tree.modes and names.of_old_alone(posixpath.basename(path))


def _is_of_old_alone(path: str, text: str) -> bool:
    if not names.of_old_alone(posixpath.basename(path)) or not any(map(is_old_requirement, _plain(text))):
        return False
    return not any(_plain(without_requirement(text)))


def _plain(text: str) -> list[str]:
    return [plain for line in text.splitlines() if (plain := _COMMENT.sub("", line).rstrip("\\").strip())]


def _joined(lines: list[str]) -> str:
    return "".join(line.rstrip("\r\n").removesuffix("\\") for line in lines)


def _is_old(lines: list[str]) -> bool:
    joined = _joined(lines)
    text = re.split(r"\s--", _COMMENT.sub("", joined).lstrip("\ufeff").strip(), maxsplit=1)[0]
    return is_old_requirement(text)
