"""Purges every project of the corpus and says which of them came out right, byte for byte."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from cleanup.inventory import inventory
from cleanup.plan import actions
from cleanup.repository import BRANCH, Repository
from deployment.errors import OperatorError
from tests.cleanup import projects
from tests.cleanup.samples import Sample


def wrong_with(sample: Sample, folder: Path) -> str | None:
    """Purge one project; return what is wrong afterwards, or None."""
    project = projects.make(folder, {path: data.decode() for path, data in sample.before.items()})
    untouched = projects.everything(project)
    try:
        planned = actions(project)
        for action in planned:
            action.diff()
        if projects.everything(project) != untouched:
            return "looking changed a file"
        for action in planned:
            action.apply(lambda _line: None)
        if actions(project):
            return "a second time it would change more"
    except OperatorError as error:
        return error.message
    repository = Repository(project)
    now = repository.tree("HEAD")
    for path in sorted(now.modes.keys() | sample.after.keys()):
        if now.content.get(path) != sample.after.get(path):
            return f"{path} is not as expected"
    ref = BRANCH if repository.resolve(BRANCH) else "HEAD"
    left = {f"{t.path}:{t.line}" for t in inventory(repository.tree(ref)) if t.left_to_a_person}
    if left != set(sample.left):
        return f"left to a person: {sorted(left ^ set(sample.left))}"
    return _failure_of_own_tests(sample, project)


def _failure_of_own_tests(sample: Sample, project: Path) -> str | None:
    if not sample.tests:
        return None
    command = [sys.executable if word == "python" else word for word in sample.tests.split()]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    return f"its own tests fail: {done.stderr.strip()[-200:]}" if done.returncode else None
