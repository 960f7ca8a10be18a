"""Instances of the local target: start, configure, retire, and clear away what has drained."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from deployment.errors import ChangeFailedError
from deployment.http_ask import ask
from deployment.model import Change, Image, Side
from deployment.targets import local_services, mounts, processes
from deployment.targets.local_layout import (
    HOST,
    Layout,
    Record,
    read_last,
    read_records,
    write_last,
    write_record,
    write_whole,
)
from deployment.targets.local_observe import BRIDGE, health
from deployment.targets.local_supervisor import Supervisor, tail

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
        _make(folder / part)
    write_last(layout, {**read_last(layout), change.side: generation})
    write_record(layout, record)
    _write_settings(layout, record)
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
        _until(lambda: not processes.working_in([folder], BRIDGE), layout.place.drain_seconds)
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
    after = replace(before, backend=wanted.backend, fallback=wanted.fallback, mirror=wanted.mirror)
    said = _ask(before)
    write_record(layout, after)
    _write_settings(layout, after)
    if _took(said, layout, after):
        return
    pid, generation = int(said.get("pid") or 0), int(said.get("generation") or 0)
    say(f"{before.name} reads its settings again")
    if not processes.send(pid, signal.SIGHUP, BRIDGE):
        _put_back(layout, before)
        raise ChangeFailedError(f"{before.name} does not run", f"see {layout.folder(before.name)}/bridge.log")
    deadline = time.monotonic() + CONFIGURE_SECONDS
    while not (int((said := _ask(before)).get("generation") or 0) > generation and _took(said, layout, after)):
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
        write_record(layout, replace(record, retired=True))
    local_services.write_targets(layout)


def sweep(layout: Layout, supervisor: Supervisor) -> None:
    """Clear away the instances that were retired and have ended; their logs are kept."""
    retired = [r for r in read_records(layout) if r.retired]
    working = processes.working_in([layout.folder(r.name) for r in retired], BRIDGE) if retired else {}
    for record in retired:
        folder = layout.folder(record.name)
        if folder in working:
            continue
        for mount in mounts.below(mounts.table(), folder):
            mounts.detach(mount.point)
        if mounts.below(mounts.table(), folder):
            continue  # removing files here would remove the service's own through the mount
        supervisor.forget(record.name)
        log = folder / "bridge.log"
        if log.exists():
            layout.logs.mkdir(exist_ok=True)
            log.replace(layout.logs / f"{record.name}.log")
        shutil.rmtree(folder)


def wait_unused(layout: Layout, image: Image, say: Callable[[str], None]) -> None:
    """Wait until no draining instance runs from an image any more.

    Raises:
        ChangeFailedError: One still does after the drain timeout and then some, or one that is not retired does.
    """

    def users() -> list[str]:
        records = [r for r in read_records(layout) if r.image is image]
        working = processes.working_in([layout.folder(r.name) for r in records], BRIDGE) if records else {}
        return [r.name for r in records if layout.folder(r.name) in working or not r.retired]

    serving = [r.name for r in read_records(layout) if r.image is image and not r.retired]
    names = users()
    if names and not serving:
        say(f"waiting for {', '.join(names)} to drain")
        _until(lambda: not users(), layout.place.drain_seconds + 15)
        names = users()
    if names:
        raise ChangeFailedError(
            f"{', '.join(names)} still runs from image {image}", "close the files that are open on its mount"
        )


def settings(layout: Layout, record: Record) -> dict[str, str]:
    """Return everything a Bridge is told, as its settings file says it."""
    folder = layout.folder(record.name)
    other = Side.STABLE if record.side is Side.CANARY else Side.CANARY
    shadows = [r for r in read_records(layout) if r.side is other and not r.retired]
    shadow = f"http://{shadows[-1].address}" if record.mirror and shadows else ""
    return {
        **record.instance.environment(),
        "LIGHTHOUSE_SHADOW_URL": shadow,
        "LIGHTHOUSE_MOUNT_POINT": str(layout.mount(record.name)),
        "LIGHTHOUSE_HOST": HOST,
        "LIGHTHOUSE_PORT": str(record.port),
        "LIGHTHOUSE_METRICS_PORT": str(record.metrics_port),
        "LIGHTHOUSE_STORE": str(layout.place.store.absolute()),
        "LIGHTHOUSE_STATE_DIR": str(folder / "state"),
        "LIGHTHOUSE_DRAIN_TIMEOUT": f"{layout.place.drain_seconds:g}",
    }


def _write_settings(layout: Layout, record: Record) -> None:
    lines = [f"{key}={value}\n" for key, value in settings(layout, record).items()]
    write_whole(layout.folder(record.name) / "config" / "bridge.env", "".join(lines))


def _put_back(layout: Layout, record: Record) -> None:
    write_record(layout, record)
    _write_settings(layout, record)


def _took(said: Mapping[str, Any], layout: Layout, record: Record) -> bool:
    """Return whether what a Bridge says of itself is what it was told, and it is ready with it."""
    in_force: Mapping[str, Any] = said.get("config") or {}
    wanted = {
        **record.instance.environment(),
        "LIGHTHOUSE_SHADOW_URL": settings(layout, record)["LIGHTHOUSE_SHADOW_URL"],
    }
    return said.get("status") == "ok" and all(str(in_force.get(k, "")) == v for k, v in wanted.items())


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
        _until(lambda: processes.port_holder(port) is None, layout.place.drain_seconds + 5)
    local_services.require_free(port, name)


def _find(layout: Layout, name: str) -> Record | None:
    return next((r for r in read_records(layout) if r.name == name), None)


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)


def _until(holds: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.05)
