"""A finding's remedy, run from the screens where that is safe: only what the tool itself answers for."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from checks.remedies import Safe

if TYPE_CHECKING:
    from checks.edits import Edit


def safe(command: str) -> bool:
    """Tell whether a command may be run from the screens, by what the check says that made it."""
    return isinstance(command, Safe)


def edits(command: str, project: Path | None) -> tuple[Edit, ...]:
    """Return what a safe command would write into the project."""
    from checks.registry import CHECKS  # which brings a parser for other people's source

    words = shlex.split(command)
    if project is None or not fixes(command):
        return ()
    repairs = (CHECKS[word].repairs for word in words if word in CHECKS)
    return tuple(edit for repair in repairs if repair is not None for edit in repair(project))


def fixes(command: str) -> bool:
    """Tell whether a safe command changes files of the project, which are shown before."""
    return "--fix" in shlex.split(command)


def run(command: str, settings: Path, say: Callable[[str], None]) -> int:
    """Run a safe command on this deployment, say what it says, and return its exit code."""
    words = shlex.split(command)[1:]
    if fixes(command):
        words.append("--yes")  # agreed to on the screen, with the difference in view
    process = subprocess.Popen(
        [sys.executable, "-c", "from runbook.cli.main import run; run()", "--settings", str(settings), *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        cwd=settings.parent,
    )
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            say(line.rstrip("\n"))
    return process.wait()
