"""Takes the old backend out of CI: its jobs go, matrices and installs lose it, pyfuse3's jobs stay."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from cleanup import names, shell
from cleanup import yaml_places as places
from cleanup.repository import Tree

_GITHUB = re.compile(r"^\.github/workflows/[^/]+\.ya?ml$")
_GITLAB = re.compile(r"^\.gitlab-ci\.ya?ml$")
_OLD_JOB = re.compile(r"(?<![a-z])(fusepy|libfuse2|fuse2|dual[-_ ]?backends?)(?![a-z])", re.I)
_NEW_JOB = re.compile(r"pyfuse3|fuse3", re.I)
# keys of .gitlab-ci.yml that are no jobs
_NO_JOBS = frozenset(
    {"stages", "variables", "default", "include", "workflow", "image", "services", "cache", "before_script"}
)
_SCRIPTS = ("before_script", "script", "after_script")
_REWRITE = 0  # begins the path of a script that is not cut but rewritten; no job has a number for a name

Path = tuple[str | int, ...]


def edits(tree: Tree) -> dict[str, bytes | None]:
    """Return the new content of every workflow that knows the old backend; None where no job of it is left."""
    found: dict[str, bytes | None] = {}
    for path in tree.paths:
        if _GITHUB.match(path) or _GITLAB.match(path):
            before = tree.text(path)
            after = without_old_backend(before, gitlab=bool(_GITLAB.match(path)))
            if after is None:
                found[path] = None
            elif after != before:
                found[path] = after.encode(errors="surrogateescape")
    return found


def without_old_backend(text: str, *, gitlab: bool = False) -> str | None:
    """Return a workflow without the old backend, or None when nothing but the old backend was in it.

    A cut that would change anything else is not made; the inventory then leaves the line to a person.
    """
    refused: set[Path] = set()
    to_jobs: Path = () if gitlab else ("jobs",)
    while (document := places.parse(text)) is not None:
        jobs = _jobs(document, gitlab=gitlab)
        steps = (*_cuts(jobs, gitlab=gitlab), *_rewrites(jobs))
        path = next((p for p in steps if p not in refused), None)
        if path is None:
            return text
        if len(path) == 1 and len([name for name in jobs if not gitlab or name not in _NO_JOBS]) == 1:
            return None
        after = _cut(text, jobs, path) if path[0] != _REWRITE else _rewrite(text, jobs, path[1:])
        if after is None or places.plain(after) != _expected(text, to_jobs, path):
            refused.add(path)
        else:
            text = after
    return text


def _jobs(document: Any, *, gitlab: bool) -> CommentedMap:
    if not isinstance(document, CommentedMap):
        return CommentedMap()
    jobs = document if gitlab else document.get("jobs")
    if not isinstance(jobs, CommentedMap) or jobs.fa.flow_style():
        return CommentedMap()
    return jobs


def _cuts(jobs: CommentedMap, *, gitlab: bool) -> Iterator[Path]:
    """Name what has to go, the largest first; a path leads from the jobs to a key or an item."""
    for name, job in jobs.items():
        if isinstance(job, CommentedMap) and not (gitlab and name in _NO_JOBS):
            if _is_old(name, job):
                yield (name,)
            else:
                yield from _cuts_in_job(name, job, jobs)


def _is_old(name: str, job: CommentedMap) -> bool:
    told = f"{name} {job.get('name', '')}"
    if re.search(r"dual[-_ ]?backend", told, re.I) or _set_for_old(job):
        return True
    return bool(_OLD_JOB.search(told)) and not _NEW_JOB.search(told)


def _set_for_old(job: CommentedMap) -> bool:
    """Whether a job runs on the old backend, or on both side by side."""
    settings = job.get("env", job.get("variables"))
    if not isinstance(settings, CommentedMap):
        return False
    both = str(settings.get(names.PARALLEL_SETTING, "")).lower() == "true"
    return both or settings.get(names.BACKEND_SETTING) == names.OLD_BACKEND


def _cuts_in_job(name: str, job: CommentedMap, jobs: CommentedMap) -> Iterator[Path]:
    needs = job.get("needs")
    if isinstance(needs, CommentedSeq):
        gone = [i for i, need in enumerate(needs) if isinstance(need, str) and need not in jobs]
        if gone and len(gone) == len(needs):
            yield (name, "needs")
        yield from ((name, "needs", i) for i in gone)
    elif isinstance(needs, str) and needs not in jobs:
        yield (name, "needs")
    strategy = job.get("strategy")
    matrix = strategy.get("matrix") if isinstance(strategy, CommentedMap) else None
    for key, values in matrix.items() if isinstance(matrix, CommentedMap) else ():
        if isinstance(values, CommentedSeq):
            old = [i for i, value in enumerate(values) if _old_value(value)]
            if old and len(old) == len(values) and key not in ("include", "exclude"):
                yield (name,)  # the matrix was of the old backend alone
            elif old and len(old) == len(values):
                yield (name, "strategy", "matrix", key)
            yield from ((name, "strategy", "matrix", key, i) for i in old)
    steps = job.get("steps")
    for i, step in enumerate(steps if isinstance(steps, CommentedSeq) else ()):
        if isinstance(step, CommentedMap) and _old_step(step):
            yield (name, "steps", i)
    for key in _SCRIPTS:
        lines = job.get(key)
        for i, line in enumerate(lines if isinstance(lines, CommentedSeq) else ()):
            if isinstance(line, str) and not shell.without_old_backend(line).strip():
                yield (name, key, i)


def _old_value(value: Any) -> bool:
    if isinstance(value, CommentedMap):
        return any(v == names.OLD_BACKEND for v in value.values())
    return bool(value == names.OLD_BACKEND)


def _old_step(step: CommentedMap) -> bool:
    """Whether a step does nothing but install or test the old backend."""
    script = step.get("run")
    if isinstance(script, str) and script.strip() and not shell.without_old_backend(script).strip():
        return True
    told = f"{step.get('name', '')} {step.get('id', '')}"
    return bool(_OLD_JOB.search(told)) and not _NEW_JOB.search(f"{told} {script or ''}")


def _rewrites(jobs: CommentedMap) -> Iterator[Path]:
    """Name the scripts that install the old backend among other things."""
    for name, job in jobs.items():
        if not isinstance(job, CommentedMap):
            continue
        steps = job.get("steps")
        for i, step in enumerate(steps if isinstance(steps, CommentedSeq) else ()):
            if isinstance(step, CommentedMap) and _rewritten(step.get("run")):
                yield (_REWRITE, name, "steps", i, "run")
        for key in _SCRIPTS:
            lines = job.get(key)
            for i, line in enumerate(lines if isinstance(lines, CommentedSeq) else ()):
                if _rewritten(line):
                    yield (_REWRITE, name, key, i)


def _rewritten(script: Any) -> bool:
    return isinstance(script, str) and shell.without_old_backend(script) != script


def _rewrite(text: str, jobs: CommentedMap, path: Path) -> str | None:
    place = places.scalar(text, _owner(jobs, path), path[-1])
    if place is None:
        return None
    start, end = place
    return text[:start] + shell.without_old_backend(text[start:end]) + text[end:]


def _owner(jobs: CommentedMap, path: Path) -> Any:
    owner: Any = jobs
    for part in path[:-1]:
        owner = owner[part]
    return owner


def _cut(text: str, jobs: CommentedMap, path: Path) -> str | None:
    owner, last = _owner(jobs, path), path[-1]
    if isinstance(owner, CommentedMap) and isinstance(last, str):
        return None if owner.fa.flow_style() else places.without_key(text, owner, last)
    return places.without_item(text, owner, last) if isinstance(last, int) else None


def _expected(text: str, to_jobs: Path, path: Path) -> Any:
    """Return the document as it has to be after the step, in plain values."""
    document = places.plain(text)
    rewrite = path[0] == _REWRITE
    owner = document
    for part in (*to_jobs, *path[1 if rewrite else 0 : -1]):
        owner = owner[part]
    if rewrite:
        owner[path[-1]] = shell.without_old_backend(owner[path[-1]])
    else:
        del owner[path[-1]]
    return document
