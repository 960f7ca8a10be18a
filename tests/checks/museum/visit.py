"""Visits an exhibit: makes its world, asks every check, executes the one finding's commands, and asks again."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

from tests.checks.museum.exhibit import NOBODY, Exhibit, Visit, name_of
from tests.checks.places import REPOSITORY
from tests.checks.worlds import overlay, reachable
from tests.ports import free_ports

#: The first line of every world: a namespace whose mounts are passed on as on a host under systemd.
APART = ("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc")
ENTER = "mount --make-rshared /"
#: What a host for ordinary users has and a stock Debian has not.
ORDINARY = "{etc}echo user_allow_other >> /etc/fuse.conf\n"
WHEELS = "LIGHTHOUSE_MIGRATE_WHEELS"
PATIENCE = 270  # seconds


def visit(exhibit: Exhibit, folder: Path) -> Visit:
    """Return what was found in an exhibit's world.

    A command that ends in `lighthouse-migrate check ID` starts anew what cannot be mended from within, and its answer
    is the answer after the remedy.
    """
    desk, world = _furnish(exhibit, folder)
    asking = [*exhibit.user, sys.executable, "-m", "tests.checks.museum.asking", str(desk)]
    script = "\n".join(
        (
            f"set -e\ncd {REPOSITORY}",
            reachable(folder) if exhibit.user else "",
            ENTER,
            ORDINARY.format(etc=overlay(world, "/etc")) if exhibit.user[: len(NOBODY)] == NOBODY else "",
            exhibit.world(world),
            '"$@" before',
            f"PATH={desk}/bin:$PATH sh -e {desk}/repair.sh >{desk}/repair.log 2>&1",
            f'[ -e {desk}/after.json ] || "$@" after\nexit 0',
        )
    )
    command = [*APART, "sh", "-c", script, "world", *asking]
    clean = {**os.environ, "UV_CACHE_DIR": f"{desk}/uv", "UV_NO_CONFIG": "1", WHEELS: wheels()}
    done = subprocess.run(command, env=clean, capture_output=True, text=True, timeout=PATIENCE)
    for group in Path("/sys/fs/cgroup").glob(f"*/{name_of(world)}"):
        group.rmdir()
    log = desk / "repair.log"
    assert done.returncode == 0, f"{exhibit.name}: {done.stderr}{log.read_text() if log.exists() else ''}"
    before, after, seconds = (
        json.loads((desk / f"{what}.json").read_text()) for what in ("before", "after", "seconds")
    )
    return Visit(before, after, tuple((desk / "commands").read_text().splitlines()), seconds)


def wheels() -> str:
    """Return the folder of the wheels that the Bridge is installed from."""
    return os.environ.get(WHEELS, str(REPOSITORY / ".cache" / "wheels"))


def _furnish(exhibit: Exhibit, folder: Path) -> tuple[Path, Path]:
    """Make the desk, where the museum writes, and the folder the deployment would be in."""
    desk, world = folder / "desk", folder / "world"
    for made in (desk, world, desk / "bin"):
        made.mkdir()
        made.chmod(0o777)
    order = {
        "folder": str(world),
        "ids": exhibit.asked,
        "finds": exhibit.finds,
        "kind": exhibit.kind,
        "ports": free_ports(10),
        "user": shlex.join(exhibit.user),
    }
    (desk / "order.json").write_text(json.dumps(order))
    again = f"cd {REPOSITORY} && exec {sys.executable} -m tests.checks.museum.asking {desk} after"
    for name, text in (("sudo", 'exec "$@"'), ("lighthouse-migrate", f'[ "$1" = check ] && shift && {again} "$@"')):
        (desk / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (desk / "bin" / name).chmod(0o755)
    (world / "state").mkdir()
    (world / "state").chmod(0o777)
    (world / "state" / "wheels").symlink_to(wheels())
    return desk, world
