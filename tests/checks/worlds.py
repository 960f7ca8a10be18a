"""Broken worlds, really produced: a mount namespace in which something is missing, another user, a lost capability."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.checks.places import REPOSITORY

NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
NO_NEW_PRIVILEGES = (*NOBODY, "--no-new-privs")
ROOT_WITHOUT_SYS_ADMIN = ("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin")

Finding = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a check found, and what it found after its remedy was executed."""

    finding: Finding | None
    repaired: Finding | None = None

    @property
    def seen(self) -> str:
        """What was seen, empty where all was well."""
        return str(self.finding["seen"]) if self.finding else ""


def ask_in(folder: Path, check: str, world: str = "", user: Sequence[str] = (), *, repair: bool = False) -> Asked:
    """Ask a check in a mount namespace in which the shell commands of `world` were run first, as root.

    Nothing of it is seen outside, and all of it is gone when the check has answered.
    """
    asking = [*user, sys.executable, "-m", "tests.checks.asking", check, str(folder), *(["--repair"] if repair else [])]
    # the shell stays the first process of a PID namespace: when it ends, so does everything the world started
    script = f'set -e\ncd {REPOSITORY}\n{reachable(folder) if user else ""}\n{world}\n"$@"\nexit 0'
    apart = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"]
    command = [*apart, "sh", "-c", script, "world", *asking]
    done = subprocess.run(command, capture_output=True, text=True, timeout=270)
    assert done.returncode == 0, done.stderr
    return Asked(*json.loads(done.stdout.splitlines()[-1]))


def reachable(folder: Path) -> str:
    """Return shell commands that let every user reach this interpreter, where it lies in somebody's home."""
    interpreter = Path(sys.executable).resolve()
    closed = next((p for p in reversed(interpreter.parents) if not p.stat().st_mode & 0o001), None)
    if closed is None:
        return ""
    child = closed / interpreter.relative_to(closed).parts[0]
    return (
        f"mkdir {folder}/interpreter; mount --bind {child} {folder}/interpreter\n"
        f"mount -t tmpfs -o mode=0755 open {closed}; mkdir {child}; mount --move {folder}/interpreter {child}\n"
        f"rmdir {folder}/interpreter\n"
    )


def overlay(folder: Path, path: str) -> str:
    """Return shell commands that make a folder writable for this world only."""
    above = folder / "above" / path.strip("/").replace("/", "-")
    return (
        f"mkdir -p {folder}/above\n"
        f"mountpoint -q {folder}/above || mount -t tmpfs above {folder}/above\n"
        f"mkdir -p {above}/upper {above}/work\n"
        f"options=lowerdir={path},upperdir={above}/upper,workdir={above}/work\n"
        f"mountpoint -q {path} || mount -t overlay overlay -o $options {path}\n"
    )


def serve(path: str, then: str = "") -> str:
    """Return shell commands that mount a real file system in memory at a path, and then do something to its daemon."""
    mount = f"{sys.executable} -m dualfuse mount dualfuse.samples.memory:Memory {path} --backend pyfuse3"
    return (
        f"mkdir -p {path}\n{mount} >/dev/null 2>&1 & daemon=$!\n"
        f"for _ in $(seq 200); do mountpoint -q {path} && break; sleep 0.05; done; mountpoint -q {path}\n{then}\n"
    )


KILLED = "kill -9 $daemon; wait $daemon || true"
STOPPED = "kill -STOP $daemon"


def libraries() -> str:
    """Return the folder in which the C libraries lie."""
    out = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    line = next(line for line in out.splitlines() if "libfuse3.so.3 " in line or "libfuse3.so.4 " in line)
    return str(Path(line.split("=>")[1].strip()).resolve().parent)
