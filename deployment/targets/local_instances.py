"""Instances of the local target: start, configure, retire."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from typing import Any

from deployment.errors import ChangeFailedError
from deployment.http_ask import ask
from deployment.model import Change
from deployment.targets import local_services, processes
from deployment.targets.local_layout import (
    Layout,
    Record,
    read_last,
    read_records,
    write_last,
    write_record,
)
from deployment.targets.local_leftovers import sweep
from deployment.targets.local_observe import BRIDGE, health
from deployment.targets.local_settings import in_force, write_settings
from deployment.targets.local_supervisor import Supervisor, tail
from deployment.waiting import until

START_SECONDS = 40.0
CONFIGURE_SECONDS = 30.0
DEGRADED_SECONDS = 5.0  # a Bridge that says for this long that it cannot mount is not going to
POLL = 0.02


def start(layout: Layout, supervisor: Supervisor, change: Change, say: Callable[[str], None]) -> None:
    """Start an instance beside what runs and wait until it is ready; if it does not get there, nothing of it stays.

    Raises:
        ChangeFailedError: Its image is missing, a port is taken, or it does not become ready.
    """
    assert change.instance is not None and change.side is not None
    name, wanted = change.subject, change.instance
    folder = layout.folder(name)
    known = _find(layout, name)
    if known is not None and processes.working_in([folder], BRIDGE):
        _until_ready(layout, supervisor, known, say)
        return
    if wanted.image not in layout.present():
        raise ChangeFailedError(f"the image {wanted.image} is not there", "apply the change that prepares it first")
    generation = int(name.rpartition("-")[2])
    port, metrics_port = layout.ports(change.side, generation)
    for number in (port, metrics_port):
        _wait_for_port(layout, number, name, say)
    record = Record(
        name,
        change.side,
        generation,
        wanted.image,
        wanted.backend,
        wanted.fallback,
        wanted.mirror,
        port,
        metrics_port,
    )
    for part in ("config", "state", "mnt"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    write_last(layout, {**read_last(layout), change.side: generation})
    write_record(layout, record)
    write_settings(layout, record)
    supervisor.define(
        name,
        f"instances/{name}",
        [str(layout.python(wanted.image)), "-P", "-m", BRIDGE],
        "bridge.log",
        {"LIGHTHOUSE_CONFIG_DIR": str(folder / "config")},
    )
    say(f"starting {name} on port {port}")
    supervisor.start(name)
    try:
        _until_ready(layout, supervisor, record, say)
    except ChangeFailedError:
        retire(layout, supervisor, name)
        # supervisord may just be trying once more
        until(lambda: supervisor.ended(name) and not processes.working_in([folder], BRIDGE), DEGRADED_SECONDS)
        sweep(layout, supervisor)
        raise
    local_services.write_targets(layout)


def configure(layout: Layout, change: Change, say: Callable[[str], None]) -> None:
    """Write an instance's settings, have it read them again, and wait until they are in force.

    Raises:
        ChangeFailedError: It does not run, or does not take them; then the settings are as they were.
    """
    assert change.instance is not None
    before = _find(layout, change.subject)
    if before is None:
        raise ChangeFailedError(f"{change.subject} is not there", "`plan` shows what is")
    wanted = change.instance
    if wanted.image is not before.image:
        raise ChangeFailedError(
            f"{before.name} runs image {before.image} and cannot become {wanted.image}", "start a new instance instead"
        )
    after = before._replace(backend=wanted.backend, fallback=wanted.fallback, mirror=wanted.mirror)
    said = _ask(before)
    write_record(layout, after)
    write_settings(layout, after)
    if in_force(said, layout, after):
        return
    pid, generation = int(said.get("pid") or 0), int(said.get("generation") or 0)
    say(f"{before.name} reads its settings again")
    if not processes.send(pid, signal.SIGHUP, BRIDGE):
        _put_back(layout, before)
        raise ChangeFailedError(f"{before.name} does not run", f"see {layout.folder(before.name)}/bridge.log")
    deadline = time.monotonic() + CONFIGURE_SECONDS
    while not (_read_again(said := _ask(before), generation) and in_force(said, layout, after)):
        if _read_again(said, generation):  # it has read them: what is not so soon never will be
            deadline = min(deadline, time.monotonic() + DEGRADED_SECONDS)
        if time.monotonic() > deadline:
            _put_back(layout, before)
            processes.send(pid, signal.SIGHUP, BRIDGE)
            raise ChangeFailedError(
                f"{before.name} does not take its new settings: {said.get('reason') or 'it does not say why'}",
                f"see {layout.folder(before.name)}/bridge.log",
            )
        time.sleep(POLL)


def retire(layout: Layout, supervisor: Supervisor, name: str) -> None:
    """Ask an instance to drain and end, and return at once."""
    record = _find(layout, name)
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


def _put_back(layout: Layout, record: Record) -> None:
    write_record(layout, record)
    write_settings(layout, record)


def _read_again(said: Mapping[str, Any], generation: int) -> bool:
    return int(said.get("generation") or 0) > generation


def _ask(record: Record) -> dict[str, Any]:
    return health(ask({record.name: f"http://{record.address}/health"}, 1.5)[record.name])


def _until_ready(layout: Layout, supervisor: Supervisor, record: Record, say: Callable[[str], None]) -> None:
    log = layout.folder(record.name) / "bridge.log"
    started = time.monotonic()
    degraded: float | None = None
    patient = False
    while True:
        answer = ask({record.name: f"http://{record.address}/health"}, 1.5)[record.name]
        said, now = health(answer), time.monotonic()
        if answer.status == 200 and said.get("mount_point") == str(layout.mount(record.name)):
            return
        if said.get("status") == "degraded":
            degraded = degraded or now
            if now - degraded > DEGRADED_SECONDS:
                raise ChangeFailedError(f"{record.name} cannot mount: {said.get('reason')}", f"see {layout.logs}")
        state, _ = supervisor.state(record.name)
        if state in ("BACKOFF", "FATAL", "EXITED"):
            raise ChangeFailedError(f"{record.name} ends as soon as it is started: {tail(log)}", f"see {layout.logs}")
        if now - started > START_SECONDS:
            why = said.get("reason") or answer.error or "it does not say why"
            raise ChangeFailedError(
                f"{record.name} is not ready after {START_SECONDS:g} s: {why}", f"see {layout.logs}"
            )
        if now - started > 3 and not patient:
            patient = True
            say(f"waiting for {record.name}: {said.get('reason') or answer.error or 'it mounts'}")
        time.sleep(POLL)


def _wait_for_port(layout: Layout, port: int, name: str, say: Callable[[str], None]) -> None:
    """Wait for a port that a draining instance of our own still holds, and refuse one that a stranger holds."""
    draining = [r for r in read_records(layout) if r.retired and port in (r.port, r.metrics_port)]
    if draining and processes.port_holder(port):
        say(f"waiting for {draining[0].name} to give up port {port}")
        until(lambda: processes.port_holder(port) is None, layout.place.drain_seconds + 5)
    local_services.require_free(port, name)


def _find(layout: Layout, name: str) -> Record | None:
    return next((r for r in read_records(layout) if r.name == name), None)
