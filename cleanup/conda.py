"""Takes the old backend out of conda's environment files, of conda's own packages and of pip's below them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from packaging.utils import canonicalize_name
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from cleanup import names
from cleanup import yaml_places as places
from cleanup.repository import Tree
from cleanup.shell import is_old_requirement

_FILES = re.compile(r"^(conda[-_.])?env(ironment)?([-_.].*)?\.ya?ml$")


def edits(tree: Tree) -> dict[str, bytes | None]:
    """Return the new content of every environment file that names the old backend."""
    found: dict[str, bytes | None] = {}
    for path in tree.paths:
        if _FILES.match(PurePosixPath(path).name):
            before = tree.text(path)
            after = places.without(before, _old_packages)
            if after != before:
                found[path] = after.encode(errors="surrogateescape")
    return found


def _old_packages(document: Any) -> Iterator[places.Path]:
    packages = document.get("dependencies") if isinstance(document, CommentedMap) else None
    for i, package in enumerate(packages if isinstance(packages, CommentedSeq) else ()):
        if isinstance(package, str) and canonicalize_name(re.split(r"[=<>! ]", package)[0]) in names.PYTHON_PACKAGES:
            yield ("dependencies", i)
        below = package.get("pip") if isinstance(package, CommentedMap) else None
        for k, requirement in enumerate(below if isinstance(below, CommentedSeq) else ()):
            if isinstance(requirement, str) and is_old_requirement(requirement):
                yield ("dependencies", i, "pip", k)
