"""Exhibits: containers that were started with too little. Only who starts them can give more.

The finding's command is for the container's host: it starts another container like it, with what was missing, and asks
the check again there.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import uuid
from dataclasses import dataclass
from pathlib import Path

from tests.checks.museum.exhibit import Visit
from tests.checks.places import REPOSITORY
from tests.ports import free_ports

IMAGE = "python:3.11-slim-bookworm"
ASKED = ("host.fuse-device", "host.capabilities", "bridge.seccomp", "bridge.user-namespace", "bridge.limits")
ALL_OF_IT = ("--device", "/dev/fuse", "--cap-add", "SYS_ADMIN", "--security-opt", "apparmor=unconfined")
PROFILE = REPOSITORY / "kit" / "security" / "seccomp-fuse.json"


@dataclass(frozen=True, slots=True)
class ContainerExhibit:
    """One container, by the options it was started with."""

    name: str
    finds: str
    seen: str
    options: tuple[str, ...]
    consequences: tuple[str, ...] = ()

    def visit(self, folder: Path) -> Visit:
        """Ask in the container, execute what it says on the host, and take the answer of that for the repair."""
        desk = _furnish(folder, self.finds)
        name = f"lighthouse-museum-{uuid.uuid4().hex[:8]}"
        volumes = [f"--volume={path}:{path}" for path in _needed(desk)]
        volumes.append(f"--volume={desk}/lighthouse-migrate:/usr/local/bin/lighthouse-migrate:ro")
        options = [part.format(folder=folder) for part in self.options]
        started = ["docker", "run", "--detach", "--network=none", f"--name={name}", *volumes, *options, IMAGE]
        _do(folder, *started, "sleep", "60")
        try:
            _do(folder, "docker", "exec", name, "lighthouse-migrate", "before")
            commands = tuple((desk / "commands").read_text().splitlines())
            for command in commands:
                _do(folder, "sh", "-c", command)
        finally:
            _do(folder, "docker", "rm", "--force", name)
        before = json.loads((desk / "before.json").read_text())
        after = desk / "after.json"
        return Visit(before, json.loads(after.read_text()) if after.exists() else {"nothing": "asked"}, commands)


def _furnish(folder: Path, finds: str) -> Path:
    """Make the desk, the tool's stand-in that asks, and the kit's profile where a project has it."""
    desk = folder / "desk"
    for made in (desk, folder / "world", folder / "security"):
        made.mkdir()
    shutil.copy(PROFILE, folder / "security")
    (folder / "refusing.json").write_text(_refusing("mount"))
    order = {"folder": str(folder / "world"), "ids": ASKED, "kind": "local", "ports": free_ports(10), "user": ""}
    (desk / "order.json").write_text(json.dumps(order | {"finds": finds}))
    stand_in = desk / "lighthouse-migrate"
    stand_in.write_text(
        f"#!/bin/sh\nwhen=before; [ $1 = check ] && when=after && shift || shift\ncd {REPOSITORY}\n"
        f"export PYTHONPATH={REPOSITORY}:{sysconfig.get_paths()['purelib']} PYTHONDONTWRITEBYTECODE=1\n"
        f'exec python3 -m tests.checks.museum.asking {desk} $when "$@"\n'
    )
    stand_in.chmod(0o755)
    return desk


def _needed(desk: Path) -> tuple[str, ...]:
    return str(REPOSITORY), str(desk.parent), sys.prefix


def _do(folder: Path, *command: str) -> None:
    done = subprocess.run(command, cwd=folder, env=dict(os.environ), capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"


def _refusing(call: str) -> str:
    return json.dumps(
        {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": [call], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]}
    )


EXHIBITS = (
    ContainerExhibit(
        "a container without the device",
        "host.fuse-device",
        "/dev/fuse does not exist",
        ("--cap-add", "SYS_ADMIN"),
    ),
    ContainerExhibit(
        "a container with the device bound as a file",
        "host.fuse-device",
        "/dev/fuse cannot be opened: Operation not permitted",
        ("--cap-add", "SYS_ADMIN", "--volume=/dev/fuse:/dev/fuse"),
    ),
    ContainerExhibit(
        "a container without CAP_SYS_ADMIN",
        "host.capabilities",
        "root without CAP_SYS_ADMIN",
        ("--device=/dev/fuse",),
        ("bridge.seccomp",),  # Docker's own profile refuses mount to whoever has not the capability
    ),
    ContainerExhibit(
        "a container whose seccomp profile refuses mount",
        "bridge.seccomp",
        "a seccomp filter refuses mount",
        ("--device=/dev/fuse", "--cap-add=SYS_ADMIN", "--security-opt=seccomp={folder}/refusing.json"),
    ),
)
