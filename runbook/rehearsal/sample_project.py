"""The sample project: a service's own repository as the migration's documents describe it, mistakes included.

The mistakes that week 0 repairs: `requirements-pyfuse3.txt` asks for `mcp`, and `start-bridge-pyfuse3.sh` starts
`lighthouse.mcp_server` instead of the Bridge. What week 8 purges: everything that speaks of fusepy or libfuse2.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

TEMPLATE = Path(__file__).with_name("sample")
AUTHOR = ("Sample Operator", "operator@lighthouse.example")
FIRST_COMMIT = "2025-08-27T12:00:00+00:00"  # so that it is the same commit every time


def make(folder: Path) -> None:
    """Make the sample project in a folder that does not exist yet, and commit it to git.

    The author and what else git needs to commit stand in the repository's own configuration, so that later commits and
    tags work on a machine where git was never set up.

    Raises:
        FileExistsError: The folder is there already.
        subprocess.CalledProcessError: git failed.
    """
    shutil.copytree(TEMPLATE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for script in folder.rglob("*.sh"):
        script.chmod(0o755)  # an installed package has lost the mode
    _git(folder, "init", "--quiet", "--initial-branch=main")
    for setting, value in (
        ("user.name", AUTHOR[0]),
        ("user.email", AUTHOR[1]),
        ("commit.gpgsign", "false"),
        ("tag.gpgsign", "false"),
        ("core.hooksPath", "/dev/null"),
        ("core.autocrlf", "false"),
        ("core.excludesFile", "/dev/null"),
    ):
        _git(folder, "config", setting, value)
    dates = {"GIT_AUTHOR_DATE": FIRST_COMMIT, "GIT_COMMITTER_DATE": FIRST_COMMIT}
    commit(folder, "Start from both backends", **dates)


def commit(folder: Path, message: str, **environment: str) -> None:
    """Commit everything that changed in the project.

    Raises:
        subprocess.CalledProcessError: git failed, for example because nothing changed.
    """
    _git(folder, "add", "--all")
    _git(folder, "commit", "--quiet", f"--message={message}", **environment)


def _git(folder: Path, *arguments: str, **environment: str) -> None:
    ours = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}  # no other repository's
    subprocess.run(["git", *arguments], cwd=folder, env=ours | environment, check=True, capture_output=True, text=True)
