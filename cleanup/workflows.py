"""Takes the old backend out of CI: its jobs go, matrices and installs lose it, pyfuse3's jobs stay."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from cleanup import shell
from cleanup import yaml_places as places
from cleanup.ci_jobs import Jobs
from cleanup.repository import Tree

_GITHUB = re.compile(r"^(?:\.github/workflows/[^/]+|(?:.*/)?action)\.ya?ml$")
_GITLAB = re.compile(r"^(?:\.gitlab/.*\.ya?ml|(?:.*[./])?\.?gitlab-ci\.ya?ml)$")


def edits(tree: Tree) -> dict[str, bytes | None]:
    """Return the new content of every workflow that knows the old backend; None where no job of it is left."""
    found: dict[str, bytes | None] = {}
    for path in tree.paths:
        if _GITHUB.match(path) or _GITLAB.match(path):
            before = tree.text(path)
            after = without_old_backend(before, gitlab=bool(_GITLAB.match(path)))
            if after is None and "/" in path and _GITLAB.match(path):
                continue  # another file includes it: a person takes both away
            if after is None:
                found[path] = None
            elif after != before:
                found[path] = after.encode(errors="surrogateescape")
    return found


def without_old_backend(text: str, *, gitlab: bool = False) -> str | None:
    """Return a workflow without the old backend, or None when nothing but the old backend was in it.

    A change that would change anything else is not made; the inventory then leaves the line to a person.
    """

    def cuts(document: Any) -> Iterator[places.Path]:
        return Jobs(document, gitlab=gitlab).cuts()

    def changes(document: Any) -> Iterator[places.Change]:
        jobs = Jobs(document, gitlab=gitlab)
        yield from (places.Change(path, shell.without_old_backend, quoted=False) for path in jobs.scripts())
        yield from (places.replacing(path, old, new) for path, old, new in jobs.settings())

    text = places.without(text, cuts)
    if Jobs(places.parse(text), gitlab=gitlab).only_old():
        return None
    return places.changed(text, changes)
