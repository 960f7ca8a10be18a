"""A finding's remedy, run from the screens where that is safe: only what the tool itself answers for."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

PROGRAM = "lighthouse-migrate"
#: The commands of the tool that only look, or that keep what they change and show it before. Everything else is the
#: operator's to type: a command for the host's root is copied, never run from here.
SAFE = (
    ("check",),
    ("plan",),
    ("status",),
    ("history",),
    ("metrics", "--once"),
    ("shadow",),
    ("gate", "list"),
    ("gate", "explain"),
    ("kit", "write", "--dry-run"),
)


def safe(command: str) -> bool:
    """Tell whether a command may be run from the screens."""
    try:
        words = shlex.split(command)
    except ValueError:
        return False
    return words[:1] == [PROGRAM] and any(tuple(words[1 : 1 + len(known)]) == known for known in SAFE)


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
