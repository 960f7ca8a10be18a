"""The supervisord of a state folder: it keeps the local target's processes alive when the tool has exited.

One supervisord a state folder, reached over a Unix socket in it. No path stands in its configuration: it works in its
folder and names everything from there, so that neither the length of a path nor a `#`, `;` or `%` in it can break
anything. A program is a shell script called `run` in the program's own folder, which a person can start by hand.

If supervisord dies, what it started lives on. A new one never starts a second copy: `autostart` is off and the callers
ask the world first.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deployment import unix_socket
from deployment.errors import ChangeFailedError
from deployment.targets import processes
from deployment.targets.local_layout import Layout
from deployment.targets.target import Say
from deployment.waiting import until
from deployment.whole_file import write_whole

CONFIGURATION = """\
[supervisord]
logfile=supervisord.log
pidfile=supervisord.pid
childlogdir=.
nocleanup=true
{user}
[unix_http_server]
; a Unix socket's path may have 107 bytes: this one is short wherever the state folder is
file=/proc/self/cwd/supervisor.sock

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[include]
files=programs/*.conf
"""

PROGRAM = """\
[program:{name}]
command=/bin/sh ./run
directory=../{folder}
autostart=false
autorestart=true
startsecs=1
startretries=1000
stopsignal=TERM
stopwaitsecs={patience}
; logs go straight to a file: a pipe to supervisord would break when supervisord dies
stdout_logfile=NONE
stderr_logfile=NONE
"""

START_SECONDS = 10.0
ALREADY_ADDED, BAD_NAME, NOT_RUNNING, ALREADY_STARTED = 90, 10, 70, 60  # supervisor.xmlrpc.Faults


class Supervisor:
    """supervisord, as far as this target needs it."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._folder = layout.supervisor

    def runs(self) -> bool:
        """Return whether it answers."""
        return unix_socket.listening(self._folder / "supervisor.sock")

    def ensure(self, say: Say) -> None:
        """Start supervisord where it does not run.

        Raises:
            ChangeFailedError: It does not come up.
        """
        if self.runs():
            return
        say("starting supervisord")
        (self._folder / "programs").mkdir(parents=True, exist_ok=True)
        user = "user=root\n" if os.geteuid() == 0 else ""  # supervisord scolds whoever runs it as root unsaid
        write_whole(self._folder / "supervisord.conf", CONFIGURATION.format(user=user))
        done = subprocess.run(
            [sys.executable, "-P", "-m", "supervisor.supervisord", "-c", "supervisord.conf"],
            cwd=self._folder,
            env=processes.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        if done.returncode != 0 or not until(self.runs, START_SECONDS):
            raise ChangeFailedError(
                f"supervisord does not start: {(done.stderr or done.stdout).strip()[-300:] or 'it says nothing'}",
                f"see {self._folder}/supervisord.log",
            )

    def define(self, name: str, folder: str, argv: Sequence[str], log: str, variables: Mapping[str, str]) -> None:
        """Write a program down: what it runs, in which folder of the state, with which variables.

        Args:
            name: The program's name.
            folder: Where it works, from the state folder.
            argv: What it runs.
            log: Its log, in its folder.
            variables: What it finds in its environment beside the usual.
        """
        exports = "".join(f"export {k}={shlex.quote(v)}\n" for k, v in variables.items())
        script = f"# what supervisord runs; by hand: sh ./run\n{exports}exec {shlex.join(argv)} >>{log} 2>&1\n"
        write_whole(self._layout.state / folder / "run", script)
        # a Bridge that drains is never killed: it gives up by itself long before this
        patience = int(self._layout.place.drain_seconds) + 300
        text = PROGRAM.format(name=name, folder=folder, patience=patience)
        write_whole(self._folder / "programs" / f"{name}.conf", text)

    def start(self, name: str) -> None:
        """Start a defined program and return at once; one that runs is left alone."""
        self._call("reloadConfig")
        self._call("addProcessGroup", name, forgive=(ALREADY_ADDED,))
        self._call("startProcess", name, False, forgive=(ALREADY_STARTED,))

    def stop(self, name: str) -> bool:
        """Ask a program to end and return at once; False if it does not run under this supervisord."""
        if not self.runs():
            return False
        return self._call("stopProcess", name, False, forgive=(NOT_RUNNING, BAD_NAME)) is not None

    def forget(self, name: str) -> bool:
        """Remove an ended program; False if supervisord has not noticed its end yet."""
        if self.runs() and not self.ended(name):
            return False
        (self._folder / "programs" / f"{name}.conf").unlink(missing_ok=True)
        if self.runs():
            self._call("removeProcessGroup", name, forgive=(BAD_NAME,))
        return True

    def state(self, name: str) -> tuple[str, int]:
        """Return a program's state in supervisord's words ("RUNNING", "BACKOFF", "STOPPED"…) and its pid or 0."""
        found = self._call("getProcessInfo", name, forgive=(BAD_NAME,))
        return (str(found["statename"]), int(found["pid"])) if found else ("UNKNOWN", 0)

    def ended(self, name: str) -> bool:
        """Return whether a program neither runs nor is about to."""
        return self.state(name)[0] in ("STOPPED", "EXITED", "FATAL", "UNKNOWN")

    def shut_down(self) -> bool:
        """Ask supervisord to stop everything it runs and to end; False if it does not run."""
        return self.runs() and self._call("shutdown") is not None

    def _call(self, method: str, *arguments: Any, forgive: tuple[int, ...] = ()) -> Any:
        import http.client
        import xmlrpc.client

        path = self._folder / "supervisor.sock"

        class Connection(http.client.HTTPConnection):
            def connect(self) -> None:
                self.sock = unix_socket.connect(path, 10)

        class Transport(xmlrpc.client.Transport):
            def make_connection(self, host: Any) -> http.client.HTTPConnection:  # noqa: ARG002
                return Connection("supervisor")

        with xmlrpc.client.ServerProxy("http://supervisor/RPC2", transport=Transport()) as proxy:
            try:
                return getattr(proxy.supervisor, method)(*arguments)
            except xmlrpc.client.Fault as fault:
                if fault.faultCode in forgive:
                    return None
                raise ChangeFailedError(
                    f"supervisord refuses {method} {' '.join(map(str, arguments))}: {fault.faultString}",
                    f"see {self._folder}/supervisord.log",
                ) from fault
            except OSError as error:
                raise ChangeFailedError(
                    f"supervisord does not answer: {error}", "run the same command again"
                ) from error


def tail(log: Path, lines: int = 3) -> str:
    """Return the last lines of a log in one line, for an error message."""
    try:
        text = log.read_text("utf-8", "replace")
    except OSError:
        return "it left no log"
    return " | ".join(line.strip() for line in text.splitlines()[-lines:] if line.strip()) or "its log is empty"
