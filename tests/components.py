"""What the markers fuse, root, haproxy, prometheus and docker need of a machine, and how to get it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

SEARCH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])
CAP_SYS_ADMIN = 21


def in_ci() -> bool:
    """Return whether a missing component must fail instead of skip."""
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}


def _binary(name: str, package: str) -> str | None:
    return (
        None if shutil.which(name, path=SEARCH) else f"no {name} binary: apt-get install {package}, or run ./dev setup"
    )


def _fuse() -> str | None:
    device = Path("/dev/fuse")
    if not device.exists():
        return "no /dev/fuse: modprobe fuse, or give the container --device /dev/fuse"
    try:
        os.close(os.open(device, os.O_RDWR))
    except OSError as error:
        return (
            f"/dev/fuse cannot be opened ({error.strerror}): chmod 0666 /dev/fuse, or allow the device in the container"
        )
    ldconfig = shutil.which("ldconfig", path=SEARCH)
    if ldconfig is None:
        return "no ldconfig, which fusepy needs to find libfuse2"
    libraries = subprocess.run([ldconfig, "-p"], capture_output=True, text=True, check=True).stdout
    for names, package in ((("libfuse.so.2",), "libfuse2"), (("libfuse3.so.3", "libfuse3.so.4"), "fuse3")):
        if not any(name in libraries for name in names):
            return f"{names[0]} is not installed: apt-get install {package}, or run ./dev setup"
    return _binary("fusermount3", "fuse3")


def _root() -> str | None:
    if os.geteuid() != 0:
        return "not root: run the tests as root"
    status = Path("/proc/self/status").read_text()
    effective = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapEff:"))
    return (
        None if effective >> CAP_SYS_ADMIN & 1 else "root without CAP_SYS_ADMIN: give the container --cap-add SYS_ADMIN"
    )


def _docker() -> str | None:
    missing = _binary("docker", "docker.io")
    if missing:
        return missing
    try:
        asked = subprocess.run(["docker", "version"], capture_output=True, text=True, timeout=10)
    except subprocess.TimeoutExpired:
        return "the Docker Engine does not answer within 10 s: start dockerd"
    return None if asked.returncode == 0 else "the Docker Engine does not answer: start dockerd"


PROBES: dict[str, Callable[[], str | None]] = {
    "fuse": _fuse,
    "root": _root,
    "haproxy": lambda: _binary("haproxy", "haproxy"),
    "prometheus": lambda: _binary("prometheus", "prometheus"),
    "docker": _docker,
}


@cache
def missing(component: str) -> str | None:
    """Return why a component cannot be used and how to get it, or None when it is there."""
    return PROBES[component]()
