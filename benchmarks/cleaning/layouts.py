"""libfuse2's two layouts on Debian, in real containers: purged, pyfuse3 still mounts, as root and as another user."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cleanup.host import Host

REPOSITORY = Path(__file__).resolve().parents[2]
BASE = os.environ.get("BASE_IMAGE", "python:3.11-slim-bookworm")
LAYOUTS = {"A": ("libfuse2", "fuse3"), "B": ("fuse", "libfuse2", "libfuse3-3")}
#: fuse.conf was changed by its operator, as it is wherever containers of other users read a mount.
SETUP = """
set -eu
apt-get update -q >/dev/null
DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends {packages} >/dev/null
echo user_allow_other >> /etc/fuse.conf
cd /var/tmp && apt-get download -q libfuse2 >/dev/null
python3 -m venv /opt/venv
useradd --uid 1000 --no-create-home somebody
/opt/venv/bin/pip install -q --no-index --no-deps --find-links /wheels {distributions}
"""
DISTRIBUTIONS = "fusepy pyfuse3 trio outcome sniffio attrs idna sortedcontainers"
AS_USER = ("setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups", "env", "HOME=/tmp")


@dataclass(frozen=True)
class Layout:
    """What came of one layout."""

    name: str
    steps: tuple[str, ...]  # what apt was let do
    mounts: dict[str, bool]  # who → whether pyfuse3 mounted, was read and unmounted
    clean: bool  # nothing of the old library is left
    kept: bool  # the operator's line in fuse.conf is still there
    back: bool  # libfuse2 came back from its package, and pyfuse3's helper stayed

    @property
    def right(self) -> bool:
        """Whether all of it is as it must be."""
        return self.clean and self.kept and self.back and all(self.mounts.values())


def purged(name: str, wheels: Path) -> Layout:
    """Make a container of a layout, purge the old library, and mount."""
    with container(wheels) as prefix:
        host = Host(prefix)
        done = host.run("sh", "-c", SETUP.format(packages=" ".join(LAYOUTS[name]), distributions=DISTRIBUTIONS))
        if done.returncode != 0:
            raise SystemExit(f"layout {name} cannot be made: {done.stderr.strip()[-400:]}")
        assert host.has_library()
        steps = []
        while (simulated := host.next()) is not None:
            steps.append(simulated.told)
            host.apply(simulated)
        mounts = {who: _mounts(host, user) for who, user in (("root", ()), ("uid 1000", AS_USER))}
        kept = "user_allow_other" in host.run("cat", "/etc/fuse.conf").stdout.splitlines()
        clean = not host.has_library() and not host.old()
        host.give_back(host.run("sh", "-c", "echo /var/tmp/*.deb").stdout.split())
        back = host.has_library() and "fuse3" in host.installed()
        return Layout(name, tuple(steps), mounts, clean, kept, back)


def _mounts(host: Host, user: tuple[str, ...]) -> bool:
    command = ["env", "PYTHONPATH=/tool", "PYTHONDONTWRITEBYTECODE=1", "/opt/venv/bin/python", "-m", "dualfuse.probe"]
    done = host.run(*user, *command, "--backend", "pyfuse3")
    return done.returncode == 0 and '"ok": true' in done.stdout


@contextmanager
def container(wheels: Path) -> Iterator[tuple[str, ...]]:
    """Start a container that does nothing, and yield what runs a command in it."""
    with tempfile.TemporaryDirectory(prefix="layout-") as folder:
        note = Path(folder, "id")
        binds = ["-v", f"{REPOSITORY}:/tool:ro", "-v", f"{wheels}:/wheels:ro"]
        rights = ["--device", "/dev/fuse", "--cap-add", "SYS_ADMIN", "--security-opt", "apparmor=unconfined"]
        command = [
            "docker",
            "run",
            "-d",
            "--rm",
            "--init",
            "--network",
            "host",
            "--cidfile",
            str(note),
            *rights,
            *binds,
        ]
        subprocess.run([*command, BASE, "sleep", "600"], check=True, capture_output=True, text=True)
        name = note.read_text()
        try:
            yield ("docker", "exec", name)
        finally:
            subprocess.run(["docker", "rm", "-f", name], check=False, capture_output=True)
