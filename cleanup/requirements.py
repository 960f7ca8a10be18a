"""Takes the old backend out of requirements files and pyproject.toml, and nothing else."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

import tomlkit
from packaging.utils import canonicalize_name
from tomlkit.exceptions import TOMLKitError

from cleanup import names
from cleanup.repository import Tree
from cleanup.shell import is_old_requirement

_FILES = re.compile(r"^(.*requirements.*|constraints.*)\.(txt|in)$", re.I)
_COMMENT = re.compile(r"(^|\s)#.*$")  # pip's own rule


def edits(tree: Tree) -> dict[str, bytes | None]:
    """Return the new content of every requirements file and pyproject.toml that names the old backend."""
    found: dict[str, bytes | None] = {}
    for path in tree.paths:
        name, before = PurePosixPath(path).name, tree.text(path)
        if is_requirements_file(path):
            after = without_requirement(before)
        elif name == "pyproject.toml":
            after = without_dependency(before)
        else:
            continue
        if after != before:
            found[path] = after.encode(errors="surrogateescape")
    return found


def is_requirements_file(path: str) -> bool:
    """Return whether pip reads a file of that name: requirements*.txt, constraints*.txt, or one in requirements/."""
    pure = PurePosixPath(path)
    return bool(_FILES.match(pure.name)) or (pure.suffix in (".txt", ".in") and pure.parent.name == "requirements")


def without_requirement(text: str) -> str:
    """Return a requirements file without the old backend; a requirement goes with its continuation lines."""
    kept: list[str] = []
    logical: list[str] = []
    for line in text.splitlines(keepends=True):
        logical.append(line)
        if line.rstrip("\r\n").endswith("\\") and not line.lstrip().startswith("#"):
            continue
        if not _is_old(logical):
            kept += logical
        logical = []
    return "".join(kept + logical)


def _is_old(lines: list[str]) -> bool:
    joined = "".join(line.rstrip("\r\n").removesuffix("\\") for line in lines)
    text = re.split(r"\s--", _COMMENT.sub("", joined).lstrip("\ufeff").strip(), maxsplit=1)[0]
    return is_old_requirement(text)


def without_dependency(text: str) -> str:
    """Return a pyproject.toml without the old backend; one that cannot be parsed is returned as it is."""
    try:
        document = tomlkit.parse(text)
    except (TOMLKitError, UnicodeEncodeError):
        return text
    project, tool = document.get("project", {}), document.get("tool", {})
    lists = [
        (project, "dependencies"),
        (document.get("build-system", {}), "requires"),
        (tool.get("uv", {}), "dev-dependencies"),
    ]
    groups = [project.get("optional-dependencies", {}), document.get("dependency-groups", {})]
    groups.append(tool.get("pdm", {}).get("dev-dependencies", {}))
    lists += [(group, name) for group in groups for name in list(group)]
    changed = [_prune_list(owner, name) for owner, name in lists]
    poetry = tool.get("poetry", {})
    tables = [poetry.get("dependencies", {}), poetry.get("dev-dependencies", {})]
    tables += [group.get("dependencies", {}) for group in poetry.get("group", {}).values()]
    changed += [_prune_table(table) for table in tables]
    return tomlkit.dumps(document) if any(changed) else text


def _prune_list(owner: Any, name: str) -> bool:
    items = owner.get(name)
    if not isinstance(items, list):
        return False
    old = [i for i, item in enumerate(items) if isinstance(item, str) and is_old_requirement(item)]
    for i in reversed(old):
        del items[i]
    return bool(old)


def _prune_table(table: Any) -> bool:
    old = [name for name in list(table) if canonicalize_name(name) in names.PYTHON_PACKAGES]
    for name in old:
        del table[name]
    return bool(old)
