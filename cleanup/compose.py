"""Makes compose files run pyfuse3 alone: the backend that is set, and the fallback that is gone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from cleanup import names
from cleanup import yaml_places as places
from cleanup.repository import Tree

_FILES = re.compile(r"^(docker-)?compose.*\.ya?ml$", re.I)
Key = str | int


def edits(tree: Tree) -> dict[str, bytes | None]:
    """Return the new content of every compose file that sets the old backend."""
    found: dict[str, bytes | None] = {}
    for path in tree.paths:
        if _FILES.match(PurePosixPath(path).name):
            before = tree.text(path)
            after = single_backend(before)
            if after != before:
                found[path] = after.encode(errors="surrogateescape")
    return found


def single_backend(text: str) -> str:
    """Return a compose file whose services are set to pyfuse3; a value it cannot replace safely stays."""
    refused: set[tuple[Key, ...]] = set()
    while True:
        document = places.parse(text)
        step = next((s for s in _settings(document) if s[0] not in refused), None)
        if step is None:
            return text
        path, owner, old, new = step
        place = places.scalar(text, owner, path[-1], quoted=True)
        expected = places.plain(text)
        target = expected
        for part in path[:-1]:
            target = target[part]
        target[path[-1]] = new
        changed = (
            ""
            if place is None
            else text[: place[0]] + text[place[0] : place[1]].replace(old, new, 1) + text[place[1] :]
        )
        if place is None or places.plain(changed) != expected:
            refused.add(path)
        else:
            text = changed


def _settings(document: Any) -> Iterator[tuple[tuple[Key, ...], Any, str, str]]:
    """Name each setting that changes: its path, what holds it, its old and its new text."""
    services = document.get("services") if isinstance(document, CommentedMap) else None
    for name, service in services.items() if isinstance(services, CommentedMap) else ():
        environment = service.get("environment") if isinstance(service, CommentedMap) else None
        path: tuple[Key, ...] = ("services", name, "environment")
        if isinstance(environment, CommentedMap):
            for key, value in environment.items():
                if _about_backends(key) and isinstance(value, str) and names.new_value(key, value) != value:
                    yield (*path, key), environment, value, names.new_value(key, value)
        elif isinstance(environment, CommentedSeq):
            for i, item in enumerate(environment):
                key, sign, value = str(item).partition("=")
                if sign and _about_backends(key) and names.new_value(key, value) != value:
                    yield (*path, i), environment, str(item), f"{key}={names.new_value(key, value)}"


def _about_backends(key: Any) -> bool:
    return key in (names.BACKEND_SETTING, names.FALLBACK_SETTING)
