"""What a rehearsal left behind: mounts and processes that belong to its folder. There must be none."""

from __future__ import annotations

import os
from pathlib import Path


def left_behind(folder: Path) -> tuple[str, ...]:
    """Return every mount below the folder and every process that names it, in words."""
    return (*_mounts(folder), *_processes(folder))


def _mounts(folder: Path) -> list[str]:
    # /proc/self/mountinfo, field 5 is the mountpoint (proc_pid_mountinfo(5)); nothing is touched
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    decoded = [p.encode().decode("unicode_escape") for p in points]
    return [f"mount {p}" for p in decoded if p.startswith(f"{folder}/")]


def _processes(folder: Path) -> list[str]:
    mine = {os.getpid(), os.getppid()}
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) in mine:
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:  # it ended meanwhile
            continue
        if f"{folder}/" in command and "runbook.rehearsal.janitor" not in command and " rehearse" not in command:
            found.append(f"process {entry.name}: {command}")
    return found
