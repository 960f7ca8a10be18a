"""Makes compose files run pyfuse3 alone: the backend that is set, the fallback and the old services that are gone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from cleanup import names
from cleanup import yaml_places as places
from cleanup.repository import Tree

_FILES = re.compile(r"^(docker-)?compose.*\.ya?ml$", re.I)


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
    """Return a compose file of pyfuse3 alone; what cannot be changed without changing anything else stays."""
    return places.changed(places.without(text, _cuts), _settings)


def _cuts(document: Any) -> Iterator[places.Path]:
    """Name the services called after the old backend, and then what depends on them."""
    services = document.get("services") if isinstance(document, CommentedMap) else None
    if not isinstance(services, CommentedMap):
        return
    old = [name for name in services if names.of_old_alone(str(name))]
    if len(old) < len(services):
        yield from (("services", name) for name in old)
    for name, service in services.items():
        needs = service.get("depends_on") if isinstance(service, CommentedMap) else None
        listed = list(needs) if isinstance(needs, (CommentedMap, CommentedSeq)) else []
        gone = [i for i, need in enumerate(listed) if names.of_old_alone(str(need)) and need not in services]
        if gone and len(gone) == len(listed):
            yield ("services", name, "depends_on")
        yield from (("services", name, "depends_on", i if isinstance(needs, CommentedSeq) else listed[i]) for i in gone)


def _settings(document: Any) -> Iterator[places.Change]:
    """Name each setting that changes."""
    services = document.get("services") if isinstance(document, CommentedMap) else None
    for name, service in services.items() if isinstance(services, CommentedMap) else ():
        if not isinstance(service, CommentedMap):
            continue
        build = service.get("build")
        yield from _changed(("services", name, "environment"), service.get("environment"), names.is_setting)
        if isinstance(build, CommentedMap):
            yield from _changed(("services", name, "build", "args"), build.get("args"), bool)


def _changed(path: places.Path, settings: Any, about: Callable[[str], bool]) -> Iterator[places.Change]:
    if isinstance(settings, CommentedMap):
        for key, value in settings.items():
            if about(str(key)) and isinstance(value, str) and names.new_value(str(key), value) != value:
                yield places.replacing((*path, key), value, names.new_value(str(key), value))
    elif isinstance(settings, CommentedSeq):
        for i, item in enumerate(settings):
            key, sign, value = str(item).partition("=")
            if sign and about(key) and names.new_value(key, value) != value:
                yield places.replacing((*path, i), str(item), f"{key}={names.new_value(key, value)}")
