"""Clears a sandbox when its rehearsal dies: waits on a pipe from it, and tears down if it ends without a word.

Run as `python -m runbook.rehearsal.janitor SETTINGS` with the pipe on standard input. A killed rehearsal closes the
pipe; one that ended in order has written "done" first.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from runbook.assembly import target_of
from runbook.cli import output
from runbook.rehearsal.leftovers import left_behind
from runbook.settings import load


class Janitor:
    """Stands by while a rehearsal runs."""

    def __init__(self, settings: Path) -> None:
        command = [sys.executable, "-m", "runbook.rehearsal.janitor", str(settings)]
        log = (settings.parent / "janitor.log").open("wb")
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True)
        log.close()

    def dismiss(self) -> None:
        """Tell it that everything was torn down in order."""
        self._process.communicate(b"done")


def main() -> int:
    """Wait for the rehearsal to end and clear what it left."""
    if sys.stdin.buffer.read() == b"done":
        return 0
    settings = load(Path(sys.argv[1]))
    folder = settings.path.parent
    for line in left_behind(folder):
        if line.startswith("process ") and "runbook.rehearsal.load" in line:
            os.kill(int(line.split()[1].rstrip(":")), signal.SIGKILL)
    left = target_of(settings).destroy(output.say)
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
