"""Fetches the Debian packages of the old library, so that a host gets back exactly what was taken from it."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from pathlib import Path

from cleanup import names

CACHE = Path("/var/cache/apt/archives")


def installed() -> dict[str, str]:
    """Return the old library's packages on this host with their versions; empty where there is no dpkg."""
    if shutil.which("dpkg-query") is None:
        return {}
    form = "${db:Status-Status} ${Package} ${Version}\n"
    done = subprocess.run(["dpkg-query", "-W", "-f", form, *names.APT_PACKAGES], capture_output=True, text=True)
    rows = (line.split() for line in done.stdout.splitlines())
    return {row[1]: row[2] for row in rows if len(row) == 3 and row[0] == "installed"}


def gather(into: Path) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Fetch the installed versions into a folder; return the files, and the packages that could not be had."""
    into.mkdir(parents=True, exist_ok=True)
    missing = []
    for name, version in installed().items():
        if not _find(into, name, version):
            kept = _find(CACHE, name, version)
            if kept is not None:
                shutil.copy2(kept, into / kept.name)
            else:
                options = ["-q", "-o", "Acquire::Retries=0", "-o", "Acquire::http::Timeout=10"]
                command = ["apt-get", *options, "download", f"{name}={version}"]
                with contextlib.suppress(OSError, subprocess.TimeoutExpired):  # whether it is there is asked below
                    subprocess.run(command, cwd=into, capture_output=True, timeout=60, check=False)
        if not _find(into, name, version):
            missing.append(f"{name}={version}")
    return tuple(sorted(into.glob("*.deb"))), tuple(missing)


def _find(folder: Path, name: str, version: str) -> Path | None:
    escaped = version.replace(":", "%3a")
    return next(iter(sorted(folder.glob(f"{name}_{escaped}_*.deb"))), None)
