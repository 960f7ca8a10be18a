"""Instances of the local target: start, configure, retire."""

from __future__ import annotations

import signal
from collections.abc import Sequence

from deployment.errors import ChangeFailedError
from deployment.model import Change
from deployment.targets import instances, local_services, processes
from deployment.targets.instances import DEGRADED_SECONDS, find
from deployment.targets.local_layout import Layout, Record, write_record
from deployment.targets.local_leftovers import sweep
from deployment.targets.local_observe import BRIDGE
from deployment.targets.local_supervisor import Supervisor, tail
from deployment.targets.target import Say
from deployment.waiting import until


class Process:
    """An instance as a process under supervisord."""

    def __init__(self, layout: Layout, supervisor: Supervisor, name: str) -> None:
        """Stand for the instance of that name."""
        self._supervisor, self._name, self._folder = supervisor, name, layout.folder(name)
        self.log = f"see {self._folder}/bridge.log"

    def pid(self) -> int | None:
        """Return its process, or None where it does not run."""
        return processes.working_in([self._folder], BRIDGE).get(self._folder)

    def ended(self) -> str:
        """Return why it is not going to answer any more, empty while it may."""
        state, _ = self._supervisor.state(self._name)
        return tail(self._folder / "bridge.log") if state in ("BACKOFF", "FATAL", "EXITED") else ""

    def hang_up(self) -> bool:
        """Have it read its settings again and return whether it was there to be told."""
        pid = self.pid()
        return pid is not None and processes.send(pid, signal.SIGHUP, BRIDGE)


def start(layout: Layout, supervisor: Supervisor, change: Change, say: Say) -> None:
    """Start an instance beside what runs and wait until it is ready; if it does not get there, nothing of it stays.

    Raises:
        ChangeFailedError: Its image is missing, a port is taken, or it does not become ready.
    """
    assert change.instance is not None
    name, wanted = change.subject, change.instance
    folder = layout.folder(name)
    process = Process(layout, supervisor, name)
    process.log = f"see {layout.logs}"  # where the log of one that does not get there is kept
    known = find(layout, name)
    if known is not None and processes.working_in([folder], BRIDGE):
        instances.until_ready(layout, known, process, say)
        return
    if wanted.image not in layout.present():
        raise ChangeFailedError(f"the image {wanted.image} is not there", "apply the change that prepares it first")
    record = instances.write_down(layout, change, say)
    supervisor.define(
        name,
        f"instances/{name}",
        [str(layout.python(wanted.image)), "-P", "-m", BRIDGE],
        "bridge.log",
        {"LIGHTHOUSE_CONFIG_DIR": str(folder / "config")},
    )
    say(f"starting {name} on port {record.port}")
    supervisor.start(name)
    try:
        instances.until_ready(layout, record, process, say)
    except ChangeFailedError:
        retire(layout, supervisor, name)
        # supervisord may just be trying once more
        until(lambda: supervisor.ended(name) and not processes.working_in([folder], BRIDGE), DEGRADED_SECONDS)
        sweep(layout, supervisor)
        raise
    local_services.write_targets(layout)


def configure(layout: Layout, supervisor: Supervisor, change: Change, say: Say) -> None:
    """Write an instance's settings, have it read them again, and wait until they are in force.

    Raises:
        ChangeFailedError: It does not run, or does not take them; then the settings are as they were.
    """
    instances.configure(layout, change, Process(layout, supervisor, change.subject), say)


def working(layout: Layout, records: Sequence[Record]) -> list[str]:
    """Return the names of the instances that still run."""
    there = processes.working_in([layout.folder(r.name) for r in records], BRIDGE)
    return [r.name for r in records if layout.folder(r.name) in there]


def retire(layout: Layout, supervisor: Supervisor, name: str) -> None:
    """Ask an instance to drain and end, and return at once."""
    record = find(layout, name)
    if record is None:
        return
    folder = layout.folder(name)
    pid = processes.working_in([folder], BRIDGE).get(folder)
    if not record.retired or pid is None:
        # first the signal, then the note: what is interrupted in between is signalled again and not forgotten
        if not supervisor.stop(name) and pid is not None:
            processes.send(pid, signal.SIGTERM, BRIDGE)
        if pid is not None:
            processes.send(pid, signal.SIGCONT, BRIDGE)  # one that somebody stopped could not hear the signal
        write_record(layout, record._replace(retired=True))
    local_services.write_targets(layout)
