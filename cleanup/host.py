"""Takes the old library's packages off a host, and only what apt's own simulation says harms nothing else.

Where `fuse` is installed its successor comes first: `fuse3` breaks and replaces it, and without either a user other
than root has no helper to mount with. Every command runs through a prefix, so that the host may also be a container
or a root file system.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from cleanup import names
from deployment.errors import ChangeFailedError, HeldError

_LINE = re.compile(r"^(?P<verb>Inst|Remv|Purg) (?P<name>\S+)", re.M)
_KEEP = ("-o", "Dpkg::Options::=--force-confold")
_APT = ("env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C", "apt-get", "-q", "-y", *_KEEP)
_CONFIGURATION = "/etc/fuse.conf"


@dataclass(frozen=True, slots=True)
class Simulated:
    """What apt would do."""

    command: tuple[str, ...]
    installs: tuple[str, ...]
    removes: tuple[str, ...]

    @property
    def told(self) -> str:
        """What apt would do, in words."""
        parts = [f"install {' '.join(self.installs)}"] if self.installs else []
        return ", ".join([*parts, *([f"remove {' '.join(self.removes)}"] if self.removes else [])])


class Host:
    """One place with packages: this host, or where a prefix such as `docker exec NAME` leads."""

    def __init__(self, prefix: Sequence[str] = ()) -> None:
        self._prefix = tuple(prefix)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command there."""
        return subprocess.run([*self._prefix, *command], capture_output=True, text=True, check=False)

    def installed(self) -> tuple[str, ...]:
        """Return the packages of both libraries that are installed."""
        wanted = [*names.APT_PACKAGES, "fuse3", "libfuse3-3", "libfuse3-4"]
        form = "${db:Status-Status} ${Package}\n"
        rows = (line.split() for line in self.run("dpkg-query", "-W", "-f", form, *wanted).stdout.splitlines())
        return tuple(sorted(row[1] for row in rows if len(row) == 2 and row[0] == "installed"))

    def old(self) -> tuple[str, ...]:
        """Return the old library's packages that are installed."""
        return tuple(name for name in self.installed() if name in names.APT_PACKAGES)

    def next(self) -> Simulated | None:
        """Return the next thing to do, simulated; None where nothing of the old library is installed.

        Raises:
            HeldError: apt would take something with it that is not the old library's.
            ChangeFailedError: apt does not know how.
        """
        old = self.old()
        if not old:
            return None
        if "fuse" in old and "fuse3" not in self.installed():
            return self._simulated("install", "--no-install-recommends", "fuse3")
        return self._simulated("remove", "--purge", *old)

    def apply(self, simulated: Simulated) -> None:
        """Do what was simulated, and prove that the new helper is there and the configuration kept its word.

        Raises:
            ChangeFailedError: apt failed, or took the helper along.
        """
        before = self._configuration()
        done = self.run(*_APT, *simulated.command)
        if done.returncode != 0:
            raise ChangeFailedError(
                f"`apt-get {' '.join(simulated.command)}` failed: {_why(done)}", "apt-get -f install"
            )
        if before.strip() and before != self._configuration():
            # purging `fuse` takes the configuration along that both packages read
            self.run("sh", "-c", 'printf "%s" "$1" > "$2"', "sh", before, _CONFIGURATION)
        if "fuse3" in self.installed() and self.run("sh", "-c", "command -v fusermount3").returncode != 0:
            raise ChangeFailedError("fusermount3 is gone", "apt-get install --reinstall fuse3")

    def give_back(self, debs: Sequence[str]) -> None:
        """Install the old library again from its archived package; its helper is not needed, `fuse3` has one.

        Raises:
            ChangeFailedError: apt cannot, or the loader does not find it then.
        """
        wanted = [deb for deb in debs if deb.rpartition("/")[2].startswith("libfuse2")]
        done = self.run(*_APT, "install", "--no-install-recommends", *wanted) if wanted else None
        if done is None or done.returncode != 0 or not self.has_library():
            why = "there is none in the archive" if done is None else _why(done)
            raise ChangeFailedError(f"libfuse2 cannot be installed again: {why}", "as root: apt-get install libfuse2")

    def users_of_library(self) -> tuple[str, ...]:
        """Return the processes there that have the old library mapped: "PID COMMAND"."""
        script = (
            "for maps in /proc/[0-9]*/maps; do pid=${maps#/proc/}; pid=${pid%/maps};"
            ' if grep -q "libfuse\\.so\\.2" "$maps" 2>/dev/null; then'
            ' echo "$pid $(tr "\\0" " " < /proc/$pid/cmdline)"; fi; done'
        )
        return tuple(line.strip() for line in self.run("sh", "-c", script).stdout.splitlines())

    def has_library(self) -> bool:
        """Return whether the loader there still finds the old library."""
        return "libfuse.so.2" in self.run("ldconfig", "-p").stdout

    def _configuration(self) -> str:
        return self.run("sh", "-c", f"cat {_CONFIGURATION} 2>/dev/null; :").stdout

    def _simulated(self, *command: str) -> Simulated:
        done = self.run("env", "LC_ALL=C", "apt-get", "-q", "-s", *command)
        if done.returncode != 0:
            hint = "apt-get update" if command[0] == "install" else f"apt-get -s {' '.join(command)}"
            raise ChangeFailedError(f"apt cannot {' '.join(command)}: {_why(done)}", hint)
        found = [(m["verb"], m["name"]) for m in _LINE.finditer(done.stdout)]
        removes = tuple(sorted({name for verb, name in found if verb in ("Remv", "Purg")}))
        others = [name for name in removes if name not in names.APT_PACKAGES]
        if others:
            raise HeldError(
                f"apt would remove {', '.join(others)} too, which is not the old library's",
                f"look: apt-get -s {' '.join(command)}; then move {others[0]} to libfuse 3, or keep libfuse 2 here",
            )
        return Simulated(command, tuple(sorted({name for verb, name in found if verb == "Inst"})), removes)


def _why(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("E:")] or lines[-1:]
    return (errors or [f"exit code {done.returncode}"])[0]
