"""The purge of a project that is killed anywhere, and the way back from it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cleanup.plan import actions, way_back
from cleanup.repository import BRANCH, TAG
from deployment.errors import UsageError
from tests.cleanup import projects
from tests.cleanup.test_plan import REPOSITORY, purge


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return projects.make(tmp_path / "lighthouse")


KILLED_AFTER = """
import os, signal, subprocess, sys
from pathlib import Path
from cleanup.plan import actions

left = int(sys.argv[2])
real = subprocess.run

def run(*arguments, **options):
    global left
    done = real(*arguments, **options)
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return done

subprocess.run = run
for action in actions(Path(sys.argv[1])):
    action.apply(lambda line: None)
print(left)
"""


def killed_after(project: Path, commands: int) -> int:
    """Purge in a process that is killed right after so many git commands; return how it ended."""
    command = [sys.executable, "-c", KILLED_AFTER, str(project), str(commands)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True).returncode


def test_killed_after_any_git_command_it_continues_to_the_same_end(project: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    projects.git(tmp_path, "clone", "--quiet", str(project), str(whole))
    purge(whole)
    wanted = projects.git(whole, "rev-parse", f"{BRANCH}^{{tree}}")
    commands, kills = 1, 0
    while killed_after(project, commands) == -signal.SIGKILL:
        kills += 1
        commands += 7 if commands > 10 else 3  # from one start to the next it is killed ever later
    assert kills >= 4
    assert projects.git(project, "rev-parse", f"{BRANCH}^{{tree}}") == wanted
    assert projects.git(project, "status", "--porcelain") == ""
    assert projects.git(project, "log", "--format=%s", f"{TAG}..{BRANCH}").count("\n") == 3
    assert actions(project) == ()


def test_a_checkout_that_was_killed_halfway_is_completed(project: Path) -> None:
    *commits, show = actions(project)
    for action in commits:
        action.apply(lambda line: None)
    head = projects.git(project, "rev-parse", "HEAD")
    (project / ".git/lighthouse-migrate-showing").write_text(head)
    (project / ".git/index.lock").touch()
    (project / "scripts/migration/compare.sh").unlink()
    (project / "requirements.txt").write_text("# what the service needs\npyfuse3>=3.4\ntrio\n\nstarlette\n")
    (rest,) = actions(project)
    assert rest.holds() == "the working tree was left halfway"
    rest.apply(lambda line: None)
    assert show.holds() is None
    assert projects.git(project, "status", "--porcelain") == ""


def test_the_way_back_shows_what_the_working_tree_showed_before(project: Path) -> None:
    before = projects.git(project, "rev-parse", "HEAD")
    assert way_back(project) == ()
    purge(project)
    (back,) = way_back(project)
    back.apply(lambda line: None)
    assert back.holds() is None
    assert projects.git(project, "branch", "--show-current") == "main"
    assert projects.git(project, "rev-parse", "HEAD") == before
    assert way_back(project) == ()
    (show,) = actions(project)  # and forward again: the branch of the purge was kept
    show.apply(lambda line: None)
    assert projects.git(project, "branch", "--show-current") == BRANCH
    assert actions(project) == ()


def test_the_way_back_of_a_detached_head_is_the_tag(project: Path) -> None:
    projects.git(project, "switch", "--quiet", "--detach")
    purge(project)
    (back,) = way_back(project)
    back.apply(lambda line: None)
    assert projects.git(project, "rev-parse", "HEAD") == projects.git(project, "rev-parse", TAG)


def test_work_in_the_working_tree_is_not_thrown_away_on_the_way_back(project: Path) -> None:
    purge(project)
    (project / "requirements.txt").write_text("mine\n")
    (back,) = way_back(project)
    with pytest.raises(UsageError, match="not clean"):
        back.apply(lambda line: None)
    assert (project / "requirements.txt").read_text() == "mine\n"
