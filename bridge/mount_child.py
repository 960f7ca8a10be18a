"""One mount and the process that serves it, as the Bridge that started it sees them."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bridge.detaching import take_off
from bridge.mount_process import final_snapshot
from bridge.settings import Settings
from bridge.sidechannel import SilentError, ask
from dualfuse import allocator
from dualfuse.errors import MountError
from dualfuse.heartbeat import beat
from dualfuse.mounts import mount_at, mounts

log = logging.getLogger(__name__)

START_LIMIT = 15.0  # seconds a mount may take to answer for the first time; usually well below one
POLL = 0.01  # seconds between two looks while it starts
ANSWER_LIMIT = 0.5  # seconds the process may take to tell its counts
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")

Snapshot = dict[str, Any]


def helper(backend: str) -> str:
    """Return the setuid helper through which an ordinary user detaches a mount of this backend."""
    return "fusermount" if backend == "fusepy" else "fusermount3"


class MountChild:
    """A process that serves one mount on a private mountpoint.

    Args:
        settings: What the Bridge was told.
        backend: Which of the backends serves.
        number: Makes the private mountpoint's name unique.
    """

    def __init__(self, settings: Settings, backend: str, number: int) -> None:
        self.backend = backend
        name = f"{os.getpid()}.{number}-{backend}"  # a child of a Bridge that was killed may still be draining
        self.mountpoint = settings.state_dir / "mounts" / name
        self.socket = settings.state_dir / f"{name}.sock"
        self.mountpoint.mkdir(parents=True, exist_ok=True)
        final_snapshot(self.socket).unlink(missing_ok=True)
        self._counts: Snapshot = {}
        self._cpu = 0.0
        command = [
            *(sys.executable, "-P", "-m", "bridge.mount_process", "--backend", backend),
            *("--mountpoint", str(self.mountpoint), "--stable", str(settings.mount_point)),
            *("--store", str(settings.store), "--socket", str(self.socket)),
            *("--drain-timeout", f"{settings.drain_timeout:g}", "--max-readahead", str(settings.max_readahead)),
            *("--max-write", str(settings.max_write), "--agents", str(settings.agents_file)),
            *("--cache-ttl", f"{settings.cache_ttl:g}", "--cache-size", str(settings.cache_size)),
            *(["--debug"] if settings.debug else []),
        ]
        # A session of its own: Ctrl-C at a terminal is for the Bridge, which then lets its mounts drain.
        self.process = subprocess.Popen(
            command,
            env={**os.environ, **allocator.environment(backend)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )

    @property
    def pid(self) -> int:
        """The process that serves."""
        return self.process.pid

    def device(self) -> tuple[int, int] | None:
        """Return the mount's device (major, minor) while it is mounted privately."""
        mount = mount_at(str(self.mountpoint))
        return None if mount is None else (mount.major, mount.minor)

    def ended(self) -> bool:
        """Whether the process is gone."""
        return self.process.poll() is not None

    def prove(self) -> None:
        """Wait until the mount answers.

        Raises:
            MountError: It could not be mounted, or did not answer in time; nothing is left mounted.
        """
        deadline = time.monotonic() + START_LIMIT
        while time.monotonic() < deadline:
            if self.ended():
                raise self._why_not()
            if mount_at(str(self.mountpoint)) is not None:
                answer = beat(self.heart, timeout=1.0)
                if answer.alive:
                    return
            time.sleep(POLL)
        self.kill()
        raise MountError(f"{self.backend} did not answer within {START_LIMIT:g} s of its start")

    @property
    def heart(self) -> str:
        """What a heartbeat asks for: the answer comes out of the event store, not from the mount's own top."""
        return str(self.mountpoint / "current")

    def _why_not(self) -> MountError:
        said = self.process.stdout.read() if self.process.stdout else ""
        try:
            told = json.loads(said)
        except ValueError:
            return MountError(f"{self.backend} ended with status {self.process.returncode} before it was mounted")
        return MountError(f"{self.backend}: {told['error']}", told["stderr"], told["remedy"])

    def let_go(self) -> None:
        """Detach the private mount: the process serves what is open and then ends by itself."""
        take_off(self.mountpoint, helper=helper(self.backend))

    def kill(self) -> None:
        """End the process at once; who still has a file open gets errors, so this is for the dead and the hung."""
        self.process.kill()
        self.process.wait()
        self.let_go()

    def tidy(self) -> None:
        """Remove what an ended process left in the state folder, and keep its last counts."""
        self.let_go()
        try:
            self._counts = json.loads(final_snapshot(self.socket).read_text())
        except (OSError, ValueError):
            log.warning("%s left no last counts: those since the last look are lost", self.mountpoint.name)
        final_snapshot(self.socket).unlink(missing_ok=True)
        self.socket.unlink(missing_ok=True)
        self.mountpoint.rmdir()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def counts(self, fresh: bool = True) -> Snapshot:
        """Return the instrument's snapshot, the last one known if the process does not answer."""
        if fresh and not self.ended():
            try:
                self._counts = ask(self.socket, {"ask": "snapshot"}, ANSWER_LIMIT)
            except SilentError as error:
                log.debug("%s", error)
        return self._counts

    def memory(self) -> int:
        """Return the resident bytes of the process, 0 if it is gone."""
        try:
            return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * PAGE
        except (OSError, IndexError):
            return 0

    def cpu(self) -> float:
        """Return the seconds of CPU the process has used so far, the last known if it is gone."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
            self._cpu = max(self._cpu, (int(fields[11]) + int(fields[12])) / TICKS)
        except (OSError, IndexError):
            pass  # it is gone: what was read before stands
        return self._cpu


def clear_leftovers(settings: Settings, fsname: str) -> list[str]:
    """Detach what a Bridge that died left mounted in this state folder and on this mount point; return the paths."""
    private = str(settings.state_dir / "mounts") + "/"
    cleared = []
    for mount in reversed(mounts()):
        stable = mount.path == str(settings.mount_point) and mount.source == fsname
        if mount.is_fuse and (stable or mount.path.startswith(private)):
            take_off(Path(mount.path))
            cleared.append(mount.path)
    if settings.mount_point.is_symlink() and str(settings.mount_point.readlink()).startswith(private):
        settings.mount_point.unlink()
        cleared.append(str(settings.mount_point))
    for leftover in (*settings.state_dir.glob("*.sock"), *settings.state_dir.glob("*.final.json")):
        leftover.unlink(missing_ok=True)
    for folder in (settings.state_dir / "mounts").iterdir():
        try:
            folder.rmdir()
        except OSError as error:  # a process that outlived its Bridge is just mounting there, and will see to it
            log.warning("%s cannot be removed yet: %s", folder, error.strerror)
    return cleared
