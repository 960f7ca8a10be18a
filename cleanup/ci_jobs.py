"""Says what in a CI file is of the old backend: jobs, matrix entries, steps, lines of scripts, settings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from cleanup import names, shell
from cleanup.yaml_places import Path

# keys of .gitlab-ci.yml that are no jobs
_NO_JOBS = frozenset(
    {"stages", "variables", "default", "include", "workflow", "image", "services", "cache", "before_script", "spec"}
)
_SCRIPTS = ("before_script", "script", "after_script")


class Jobs:
    """The jobs of one CI file: a workflow or a composite action of GitHub, or a pipeline of GitLab."""

    def __init__(self, document: Any, *, gitlab: bool) -> None:
        self.gitlab = gitlab
        self.document = document if isinstance(document, CommentedMap) else CommentedMap()
        self.path: Path = () if gitlab else ("jobs",)
        found = self.document if gitlab else self.document.get("jobs")
        if not gitlab and found is None and isinstance(self.document.get("runs"), CommentedMap):
            found, self.path = self.document, ()  # a composite action is one job called `runs`
        usable = isinstance(found, CommentedMap) and not found.fa.flow_style()
        jobs = found if usable else CommentedMap()
        self.all: Mapping[str, CommentedMap] = {
            str(name): job
            for name, job in jobs.items()
            if isinstance(job, CommentedMap) and not (gitlab and name in _NO_JOBS)
        }

    def only_old(self) -> bool:
        """Tell whether one job is left, and that one is of the old backend."""
        return len(self._work()) == 1 and all(self._goes(name) for name in self._work())

    def cuts(self) -> Iterator[Path]:
        """Name what has to go, the largest first; the last job never does."""
        for name, job in self.all.items():
            if not self._goes(name):
                yield from ((*self.path, *path) for path in self._cuts_in(name, job))
            elif self._work() != [name]:
                yield (*self.path, name)

    def scripts(self) -> Iterator[Path]:
        """Name the scripts that install the old backend among other things."""
        for name, job in self.all.items():
            for i, step in enumerate(_list(job.get("steps"))):
                if isinstance(step, CommentedMap) and _rewritten(step.get("run")):
                    yield (*self.path, name, "steps", i, "run")
            for key in _SCRIPTS:
                if _rewritten(job.get(key)):
                    yield (*self.path, name, key)
                lines = _list(job.get(key))
                yield from ((*self.path, name, key, i) for i, line in enumerate(lines) if _rewritten(line))

    def settings(self) -> Iterator[tuple[Path, str, str]]:
        """Name the settings of the whole file, of jobs and of steps: path, old and new value."""
        owners: list[tuple[Path, Any]] = [((), self.document)]
        for name, job in self.all.items():
            owners.append(((*self.path, name), job))
            steps = enumerate(_list(job.get("steps")))
            owners += [((*self.path, name, "steps", i), step) for i, step in steps if isinstance(step, CommentedMap)]
        for path, owner in owners:
            for key in ("env", "variables"):
                values = owner.get(key)
                for setting, value in values.items() if isinstance(values, CommentedMap) else ():
                    new = names.new_value(str(setting), str(value))
                    if names.is_setting(str(setting)) and isinstance(value, str) and new != value:
                        yield (*path, key, setting), value, new

    def _work(self) -> list[str]:
        """Return the jobs that run, which GitLab's templates do not."""
        return [name for name in self.all if not (self.gitlab and name.startswith("."))]

    def _goes(self, name: str) -> bool:
        extended = (other for other, job in self.all.items() if name in _extends(job))
        return self._is_old(name) and all(self._is_old(other) for other in extended)

    def _is_old(self, name: str) -> bool:
        job = self.all[name]
        told = f"{name} {job.get('name', '')}"
        if re.search(r"dual[-_ ]?backend", told, re.I) or _set_for_old(job) or names.of_old_alone(told):
            return True
        matrix = _matrix(job)
        lists = [_list(values) for key, values in matrix.items() if key not in ("include", "exclude")]
        return any(values and all(map(_old_value, values)) for values in lists)

    def _cuts_in(self, name: str, job: CommentedMap) -> Iterator[Path]:
        needs = job.get("needs")
        gone = [i for i, need in enumerate(_list(needs)) if self._is_gone(_needed(need))]
        if (gone and len(gone) == len(_list(needs))) or self._is_gone(needs):
            yield (name, "needs")
        yield from ((name, "needs", i) for i in gone)
        for key, values in _matrix(job).items():
            old = [i for i, value in enumerate(_list(values)) if _old_value(value)]
            if old and len(old) == len(values):
                yield (name, "strategy", "matrix", key)
            yield from ((name, "strategy", "matrix", key, i) for i in old)
        parallel = job.get("parallel")
        rows = _list(parallel.get("matrix")) if isinstance(parallel, CommentedMap) else ()
        for i, row in enumerate(rows):
            if _old_value(row):
                yield (name, "parallel", "matrix", i)
            for key, values in row.items() if isinstance(row, CommentedMap) else ():
                old = [k for k, value in enumerate(_list(values)) if _old_value(value)]
                yield from ((name, "parallel", "matrix", i, key, k) for k in old)
        for i, step in enumerate(_list(job.get("steps"))):
            if isinstance(step, CommentedMap) and _old_step(step):
                yield (name, "steps", i)
        for key in _SCRIPTS:
            for i, line in enumerate(_list(job.get(key))):
                if isinstance(line, str) and line.strip() and not shell.without_old_backend(line).strip():
                    yield (name, key, i)

    def _is_gone(self, need: Any) -> bool:
        return isinstance(need, str) and need not in self.all and need not in self.document


def _list(value: Any) -> CommentedSeq | tuple[()]:
    return value if isinstance(value, CommentedSeq) else ()


def _needed(need: Any) -> Any:
    return need.get("job") if isinstance(need, CommentedMap) else need


def _extends(job: CommentedMap) -> tuple[str, ...]:
    parents = job.get("extends")
    return (parents,) if isinstance(parents, str) else tuple(_list(parents))


def _matrix(job: CommentedMap) -> Mapping[str, Any]:
    strategy = job.get("strategy")
    matrix = strategy.get("matrix") if isinstance(strategy, CommentedMap) else None
    return matrix if isinstance(matrix, CommentedMap) else {}


def _set_for_old(owner: CommentedMap) -> bool:
    """Whether a job or a step runs on the old backend, or on both side by side."""
    settings = owner.get("env", owner.get("variables"))
    if not isinstance(settings, CommentedMap):
        return False
    both = str(settings.get(names.PARALLEL_SETTING, "")).lower() == "true"
    return both or settings.get(names.BACKEND_SETTING) == names.OLD_BACKEND


def _old_value(value: Any) -> bool:
    if isinstance(value, CommentedMap):
        return any(v == names.OLD_BACKEND for v in value.values())
    return bool(value == names.OLD_BACKEND)


def _old_step(step: CommentedMap) -> bool:
    """Whether a step does nothing but install or test the old backend."""
    script = step.get("run")
    if isinstance(script, str) and script.strip() and not shell.without_old_backend(script).strip():
        return True
    condition = str(step.get("if", ""))
    if _set_for_old(step) or re.fullmatch(r"(\$\{\{)?\s*matrix\.[\w-]+\s*==\s*'fusepy'\s*(\}\})?", condition):
        return True
    told = f"{step.get('name', '')} {step.get('id', '')}"
    return names.of_old_alone(told) and names.of_old_alone(f"{told} {script or ''}")


def _rewritten(script: Any) -> bool:
    return isinstance(script, str) and shell.without_old_backend(script) != script
