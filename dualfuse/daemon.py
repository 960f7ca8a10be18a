"""Start ``python -m dualfuse mount`` as a child, prove that it serves, and take it down again."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from dualfuse import allocator
from dualfuse.errors import MountError
from dualfuse.heartbeat import beat
from dualfuse.mounts import mount_at
from dualfuse.unmounting import detach


class Daemon:
    """One mount served by a process of its own; a context manager that always leaves nothing behind.

    Its output is kept in a file; ``output()`` gives it.
    """

    def __init__(
        self,
        specification: str,
        mountpoint: str | Path,
        backend: str,
        *,
        arguments: Sequence[str] = (),
        options: Sequence[str] = (),
        command: Sequence[str] = (),
        timeout: float = 10.0,
    ) -> None:
        self.mountpoint = str(mountpoint)
        self.backend = backend
        self._timeout = timeout
        self._command = [
            *(command or (sys.executable, "-m", "dualfuse", "mount")),
            specification,
            self.mountpoint,
            "--backend",
            backend,
            *(word for argument in arguments for word in ("--arg", argument)),
            *(word for option in options for word in ("-o", option)),
        ]
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process that serves."""
        if self.process is None:
            raise RuntimeError("the daemon was not started")
        return self.process.pid

    def launch(self) -> None:
        """Start the process, without waiting for its mount."""
        path = os.pathsep.join(folder for folder in sys.path if folder)
        environment = {**os.environ, **allocator.environment(self.backend), "PYTHONPATH": path}
        self.process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, env=environment
        )

    def wait_until_mounted(self, deadline: float) -> None:
        """Wait for the mount to appear, until a time of ``perf_counter``. Raises MountError when it does not."""
        while mount_at(self.mountpoint) is None:
            if self.process is None or self.process.poll() is not None:
                text = self.output()
                self._log.close()
                raise MountError(f"{self.backend} could not mount {self.mountpoint}", stderr=text)
            if time.perf_counter() > deadline:
                self.stop()
                raise MountError(f"{self.backend} did not mount {self.mountpoint} in time")
            time.sleep(0.0005)  # the benchmark times a start by this

    def start(self) -> Daemon:
        """Start it and wait until the mount answers. Raises MountError when it does not within the time."""
        self.launch()
        self.wait_until_mounted(time.perf_counter() + self._timeout)
        answer = beat(self.mountpoint, self._timeout)
        if not answer.alive:
            self.stop()
            raise MountError(f"{self.mountpoint} is mounted but does not answer: {answer.error}")
        return self

    def terminate_and_measure(self) -> float:
        """Ask it to unmount and wait for its end; gives the CPU seconds of its whole life."""
        if self.process is None:
            return 0.0
        self.process.send_signal(signal.SIGTERM)
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        return usage.ru_utime + usage.ru_stime

    def output(self) -> str:
        """Everything that the process has written so far."""
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), size, 0).decode(errors="replace")

    def stop(self, timeout: float = 10.0) -> int:
        """Ask it to unmount, kill it after the time, detach what is left; gives the exit code."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        with contextlib.suppress(MountError):
            while mount_at(self.mountpoint) is not None:
                detach(self.mountpoint)
        self._log.close()
        return self.process.returncode

    def __enter__(self) -> Daemon:
        return self.start() if self.process is None else self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()
