"""What breaks a mount in a test: its process is killed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from deployment.model import Side
from deployment.targets import processes
from deployment.targets.local import LocalTarget
from deployment.targets.local_layout import Layout
from deployment.targets.target import Place


def kill_mount(place: Place, side: Side) -> None:
    """Kill the process that serves a side's mount."""
    instance = LocalTarget(place).observe().serving(side)
    assert instance is not None
    folder = str(Layout.of(place).folder(instance.name))
    for entry in Path("/proc").iterdir():
        words = processes.command_line(int(entry.name)) if entry.name.isdigit() else ()
        if "bridge.mount_process" in words and any(folder in word for word in words):
            os.kill(int(entry.name), signal.SIGKILL)
            return
    raise AssertionError(f"nobody serves {instance.name}")
