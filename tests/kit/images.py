"""The kit's images, built once for all tests, and containers with the privileges that the compose file gives."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from deployment.kit import build_context

ROOT = Path(__file__).parents[2]
BASE = os.environ.get("LIGHTHOUSE_BASE_IMAGE", "python:3.11-slim-bookworm")
SECCOMP = ROOT / "kit/security/seccomp-fuse.json"
BACKENDS = {"fuse2": "fusepy", "dual": "fusepy pyfuse3", "fuse3": "pyfuse3"}
WRITABLE = ("/tmp:mode=1777", "/run/lighthouse:uid={uid},gid={uid}", "/var/lib/lighthouse:uid={uid},gid={uid}")


def docker(*arguments: str, timeout: float = 60, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the Docker command line and return what it said."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=timeout)
    if check and done.returncode != 0:
        raise AssertionError(f"docker {' '.join(arguments)}: {done.stdout}{done.stderr}")
    return done


def lay_out(folder: Path) -> None:
    """Write what an image is built from, with the wheels this machine has already."""
    for artefact in build_context():
        path = folder / artefact.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(artefact.data)
    prebuilt = os.environ.get("LIGHTHOUSE_MIGRATE_WHEELS")
    if prebuilt:
        (folder / "wheels").mkdir()
        for wheel in Path(prebuilt).glob("*.whl"):
            (folder / "wheels" / wheel.name).write_bytes(wheel.read_bytes())


def build(folder: Path, tag: str, target: str, backends: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
    """Build one stage from a folder with the builder that every Engine has."""
    arguments = ["--build-arg", f"BASE_IMAGE={BASE}", "--build-arg", f"BACKENDS={backends}", "--target", target]
    command = ["docker", "build", "-q", "-f", str(folder / "Dockerfile.dual-fuse"), *arguments, "-t", tag, str(folder)]
    environment = {**os.environ, "DOCKER_BUILDKIT": "0"}
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=environment)


@cache
def image(name: str, target: str = "runtime") -> str:
    """Return the tag of an image with the backends of `BACKENDS`; the Engine remembers the layers from run to run."""
    tag = f"lighthouse-kit-test:{name}-{target}"
    with TemporaryDirectory() as folder:
        lay_out(Path(folder))
        done = build(Path(folder), tag, target, BACKENDS[name])
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return tag


def privileges(*, uid: int = 1000, bare: bool = True, seccomp: str | Path = SECCOMP, fixed: bool = True) -> list[str]:
    """Return the options of `docker run`: `bare` without new privileges, `fixed` on a root that cannot be written."""
    handed_on = [] if uid == 0 else ["SETUID", "SETGID", "SETPCAP"]
    options = ["--device", "/dev/fuse", "--cap-drop", "ALL", "-e", f"LIGHTHOUSE_UID={uid}"]
    for capability in ("SYS_ADMIN", *handed_on):
        options += ["--cap-add", capability]
    options += ["--security-opt", f"seccomp={seccomp}"] if str(seccomp) != "default" else []
    options += ["--security-opt", "no-new-privileges"] if bare else []
    for place in WRITABLE:
        options += ["--tmpfs", place.format(uid=uid)]
    return [*options, *(["--read-only"] if fixed else [])]


@contextmanager
def container(*options: str, command: Sequence[str] = (), tag: str | None = None) -> Iterator[str]:
    """Give a running container, and remove it."""
    name = docker("run", "-d", *options, tag or image("dual"), *command).stdout.strip()
    try:
        yield name
    finally:
        docker("rm", "-f", "-v", name)


def state(name: str) -> dict[str, Any]:
    """Return a container's state as the Engine tells it."""
    told: dict[str, Any] = json.loads(docker("inspect", "-f", "{{json .State}}", name).stdout)
    return told


def validated(name: str) -> dict[str, Any]:
    """Return what the health check says inside a container, its exit status under "status"."""
    done = docker("exec", name, "python", "/usr/local/bin/validate-fuse-backend.py", check=False)
    try:
        told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        told = {"ok": False, "error": done.stdout + done.stderr}
    return {**told, "status": done.returncode}
