"""Takes the old backend out of Prometheus: its scrape jobs and targets, and the rules that ask for its samples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from cleanup import names
from cleanup import yaml_places as places
from cleanup.json_files import asks_for_old
from cleanup.repository import Tree


def edits(tree: Tree) -> dict[str, bytes | None]:
    """Return the new content of every Prometheus configuration and rule file that names the old backend."""
    found: dict[str, bytes | None] = {}
    for path in tree.paths:
        before = tree.text(path)
        if PurePosixPath(path).suffix in (".yml", ".yaml") and names.MENTION.search(before):
            after = places.without(before, _old_entries)
            if after != before:
                found[path] = after.encode(errors="surrogateescape")
    return found


def _old_entries(document: Any) -> Iterator[places.Path]:
    if not isinstance(document, CommentedMap):
        return
    for i, job in enumerate(_list(document.get("scrape_configs"))):
        if not isinstance(job, CommentedMap):
            continue
        if names.of_old_alone(str(job.get("job_name", ""))):
            yield ("scrape_configs", i)
        for k, target in enumerate(_list(job.get("static_configs"))):
            labels = target.get("labels") if isinstance(target, CommentedMap) else None
            if isinstance(labels, CommentedMap) and names.OLD_BACKEND in labels.values():
                yield ("scrape_configs", i, "static_configs", k)
    for i, group in enumerate(_list(document.get("groups"))):
        rules = _list(group.get("rules")) if isinstance(group, CommentedMap) else ()
        old = [k for k, rule in enumerate(rules) if isinstance(rule, CommentedMap) and _is_old(rule)]
        if old and len(old) == len(rules):
            yield ("groups", i)
        yield from (("groups", i, "rules", k) for k in old)


def _is_old(rule: CommentedMap) -> bool:
    name = str(rule.get("alert", rule.get("record", "")))
    return asks_for_old(str(rule.get("expr", ""))) or names.of_old_alone(name)


def _list(value: Any) -> CommentedSeq | tuple[()]:
    return value if isinstance(value, CommentedSeq) else ()
