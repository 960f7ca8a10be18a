"""Takes the old backend out of pyproject.toml, Pipfile and uv.lock, whose form and comments tomlkit keeps.

Other lock files bear a digest of what they were made from: they are made again by their own tools.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import tomlkit
from packaging.utils import canonicalize_name
from tomlkit.exceptions import TOMLKitError

from cleanup import names
from cleanup.repository import Tree
from cleanup.shell import is_old_requirement

_PROJECTS, _LOCK = ("pyproject.toml", "Pipfile"), "uv.lock"


def edits(tree: Tree) -> dict[str, bytes | None]:
    """Return the new content of every such file that names the old backend."""
    found: dict[str, bytes | None] = {}
    for path in tree.paths:
        name, before = PurePosixPath(path).name, tree.text(path)
        if name in _PROJECTS:
            after = without_dependency(before)
        elif name == _LOCK:
            after = without_locked(before)
        else:
            continue
        if after != before:
            found[path] = after.encode(errors="surrogateescape")
    return found


def without_dependency(text: str) -> str:
    """Return a pyproject.toml or Pipfile without the old backend; one that cannot be parsed is returned as it is."""
    document = _parsed(text)
    if document is None:
        return text
    changed = [_prune_group(owner, name) for owner in _groups(document) for name in list(owner)]
    changed += [_prune_list(owner, name) for owner, name in _lists(document)]
    changed += [_prune_table(table) for table in _tables(document)]
    return tomlkit.dumps(document) if any(changed) else text


def without_locked(text: str) -> str:
    """Return a uv.lock without the old backend: its package, and every entry that depends on it."""
    document = _parsed(text)
    packages = document.get("package", []) if document is not None else []
    if not any(_named(package) for package in packages):
        return text
    for package in packages:
        metadata = package.get("metadata", {})
        groups = [package.get("optional-dependencies", {}), package.get("dev-dependencies", {})]
        groups.append(metadata.get("requires-dev", {}))
        lists = [(package, "dependencies"), (metadata, "requires-dist")]
        for owner, name in [*lists, *((group, name) for group in groups for name in list(group))]:
            entries = owner.get(name, [])
            for i in reversed([i for i, entry in enumerate(entries) if _named(entry)]):
                del entries[i]
    for i in reversed([i for i, package in enumerate(packages) if _named(package)]):
        del packages[i]
    return tomlkit.dumps(document)


def _parsed(text: str) -> Any:
    try:
        return tomlkit.parse(text)
    except (TOMLKitError, UnicodeEncodeError):
        return None


def _named(entry: Any) -> bool:
    return isinstance(entry, dict) and canonicalize_name(str(entry.get("name", ""))) in names.PYTHON_PACKAGES


def _table(owner: Any, *keys: str) -> Any:
    for key in keys:
        owner = owner.get(key, {}) if isinstance(owner, dict) else {}
    return owner if isinstance(owner, dict) else {}


def _groups(document: Any) -> Iterator[Any]:
    """Name the tables whose keys are groups of dependencies: one that is called after the old backend goes whole."""
    yield _table(document, "project", "optional-dependencies")
    yield _table(document, "dependency-groups")
    yield _table(document, "tool", "pdm", "dev-dependencies")
    yield _table(document, "tool", "poetry", "extras")
    yield _table(document, "tool", "poetry", "group")
    yield _table(document, "tool", "hatch", "envs")


def _lists(document: Any) -> Iterator[tuple[Any, str]]:
    yield _table(document, "project"), "dependencies"
    yield _table(document, "build-system"), "requires"
    uv = _table(document, "tool", "uv")
    yield from ((uv, name) for name in ("dev-dependencies", "constraint-dependencies", "override-dependencies"))
    environments = _table(document, "tool", "hatch", "envs")
    for environment in environments.values():
        yield from ((environment, name) for name in ("dependencies", "extra-dependencies"))
    for group in _groups(document):
        if group is not environments:
            yield from ((group, name) for name in list(group))


def _tables(document: Any) -> Iterator[Any]:
    poetry = _table(document, "tool", "poetry")
    yield from (_table(poetry, name) for name in ("dependencies", "dev-dependencies"))
    yield from (_table(group, "dependencies") for group in _table(poetry, "group").values())
    yield _table(document, "tool", "uv", "sources")
    yield from (_table(document, name) for name in ("packages", "dev-packages"))


def _prune_group(owner: Any, name: str) -> bool:
    old = names.of_old_alone(name) and (not isinstance(owner[name], list) or all(_is_old(i) for i in owner[name]))
    if old:
        del owner[name]
    return old


def _prune_list(owner: Any, name: str) -> bool:
    items = owner.get(name) if isinstance(owner, dict) else None
    if not isinstance(items, list):
        return False
    old = [i for i, item in enumerate(items) if _is_old(item)]
    if old:
        ended = items.as_string().rstrip("] \t").endswith(",")  # type: ignore[attr-defined]
        for i in reversed(old):
            del items[i]
        _end_as_before(owner, name, ended)
    return bool(old)


def _end_as_before(owner: Any, name: str, ended: bool) -> None:
    """Take away the comma that is left at the end of a list on one line, where none was before."""
    shown = owner[name].as_string()
    bare = shown.removesuffix("]").rstrip()
    if ended or "\n" in shown or not bare.endswith(","):
        return
    space = shown[len(bare) : -1]
    value = tomlkit.parse(f"a = {bare[:-1]}{space}]")["a"]
    trivia, old = value.trivia, owner[name].trivia
    trivia.comment_ws, trivia.comment, trivia.trail = old.comment_ws, old.comment, old.trail
    owner[name] = value


def _is_old(item: Any) -> bool:
    return isinstance(item, str) and is_old_requirement(item)


def _prune_table(table: Any) -> bool:
    old = [name for name in list(table) if canonicalize_name(name) in names.PYTHON_PACKAGES]
    for name in old:
        del table[name]
    return bool(old)
