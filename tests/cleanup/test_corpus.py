"""Sample projects of every shape: the right edits byte for byte, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from cleanup.inventory import inventory
from cleanup.plan import actions
from cleanup.proof import no_trace
from cleanup.repository import BRANCH, TAG, Repository
from deployment import kit
from tests.cleanup import projects
from tests.cleanup.samples import Sample, corpus

PROJECTS = corpus()


def made(sample: Sample, folder: Path) -> Path:
    """Make a project of the corpus under git."""
    return projects.make(folder, {path: data.decode() for path, data in sample.before.items()})


def files(project: Path) -> dict[str, bytes]:
    """Return the files of a project that git knows."""
    return {path: (project / path).read_bytes() for path in projects.git(project, "ls-files").splitlines()}


def still_parses(path: str, data: bytes) -> None:
    """Parse a file in whatever it is written in; raises where that fails."""
    text = data.decode()
    if path.endswith((".toml", "uv.lock", "Pipfile")):
        tomllib.loads(text)
    elif path.endswith((".yml", ".yaml")):
        YAML(typ="safe").load(text)
    elif path.endswith(".json"):
        json.loads(text)
    elif path.endswith(".py"):
        compile(text, path, "exec")


def own_tests(sample: Sample, project: Path) -> None:
    """Run the project's own tests, where it has any."""
    if sample.tests:
        command = [sys.executable if word == "python" else word for word in sample.tests.split()]
        command[1:1] = ["-B"] if sample.tests.startswith("python ") else []
        done = subprocess.run(command, cwd=project, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("sample", PROJECTS, ids=lambda sample: sample.name)
def test_the_right_edits_are_made_and_not_one_other_byte_changes(sample: Sample, tmp_path: Path) -> None:
    project = made(sample, tmp_path / "project")
    own_tests(sample, project)
    untouched = projects.everything(project)
    planned = actions(project)
    assert [action.diff() for action in planned if action.files] == [a.diff() for a in planned if a.diff()]
    assert projects.everything(project) == untouched  # looking changes nothing, git's own files included
    for action in planned:
        action.apply(lambda line: None)
        assert action.holds() is None, action.subject
    now = files(project)
    for path in sorted(now.keys() | sample.after.keys()):
        expected, seen = sample.after.get(path), now.get(path)
        assert (seen or b"").decode().splitlines(True) == (expected or b"").decode().splitlines(True), path
    assert now == sample.after
    for path in sample.edits:
        if path in now:
            still_parses(path, now[path])
    own_tests(sample, project)
    assert actions(project) == ()  # there is nothing left to do a second time
    ref = BRANCH if sample.edits else TAG
    left = {f"{t.path}:{t.line}" for t in inventory(Repository(project).tree(ref)) if t.left_to_a_person}
    assert left == set(sample.left)


def test_of_the_kit_s_files_nothing_is_left_to_a_person(tmp_path: Path) -> None:
    given = {artefact.path: artefact.data.decode() for artefact in kit.everything()}
    project = projects.make(tmp_path / "project", given | {"README.md": "Was on fusepy.\n"})
    for action in actions(project):
        action.apply(lambda line: None)
    now = files(project)
    for path, data in now.items():
        still_parses(path, data)
    assert b'ARG BACKENDS="pyfuse3"\n' in now["Dockerfile.dual-fuse"]
    assert "requirements/fusepy.txt" not in now
    assert [path for path in given if path.startswith("app/") and now[path] != given[path].encode()] == []
    traces = inventory(Repository(project).tree(BRANCH))
    assert {(t.path, t.line) for t in traces if t.left_to_a_person} == {("README.md", 1)}
    assert all(t.stays and not t.doing for t in traces if not t.left_to_a_person)
    assert no_trace(project).holds is True
    assert actions(project) == ()


def test_there_are_projects_enough() -> None:
    assert len(PROJECTS) >= 25
    assert sum(bool(sample.tests) for sample in PROJECTS) >= 5
