"""What every target does alike with an instance: give it ports and a folder, wait for it, have it take new settings.

A Bridge is the same program wherever it runs: it answers on an API port of this host, reads `config/bridge.env` in its
folder, and reads it again on SIGHUP. How it is started, told and stopped is the target's own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from deployment.errors import ChangeFailedError
from deployment.http_ask import ask
from deployment.model import Change, Image
from deployment.targets import local_services, processes
from deployment.targets.local_layout import Layout, Record, read_last, read_records, write_last, write_record
from deployment.targets.local_observe import health
from deployment.targets.local_settings import in_force, write_settings
from deployment.targets.target import Say
from deployment.waiting import until

START_SECONDS = 40.0
CONFIGURE_SECONDS = 30.0
DEGRADED_SECONDS = 5.0  # a Bridge that says for this long that it cannot mount is not going to
POLL = 0.02  # seconds between two looks at a Bridge that is about to answer
DRAIN_POLL = 0.1  # seconds between two looks at whether one still runs: a drain takes seconds


class Bridge(Protocol):
    """How a target reaches one instance's process."""

    log: str  # where its log is, as an error's hint says it

    def ended(self) -> str:
        """Return why it is not going to answer any more, empty while it may."""

    def hang_up(self) -> bool:
        """Have it read its settings again and return whether it was there to be told."""


def find(layout: Layout, name: str) -> Record | None:
    """Return what is written down about an instance, or None."""
    return next((r for r in read_records(layout) if r.name == name), None)


def write_down(layout: Layout, change: Change, say: Say, host: str = "") -> Record:
    """Give a new instance its ports and its folder, with its settings in it.

    Raises:
        ChangeFailedError: One of its ports is taken.
    """
    assert change.instance is not None and change.side is not None
    name, wanted = change.subject, change.instance
    generation = int(name.rpartition("-")[2])
    port, metrics_port = layout.ports(change.side, generation)
    for number in (port, metrics_port):
        _wait_for_port(layout, number, name, say)
    record = Record(
        *(name, change.side, generation, wanted.image, wanted.backend, wanted.fallback, wanted.mirror),
        *(port, metrics_port, False, host),
    )
    for part in ("config", "state", "mnt"):
        (layout.folder(name) / part).mkdir(parents=True, exist_ok=True)
    write_last(layout, {**read_last(layout), change.side: generation})
    write_record(layout, record)
    write_settings(layout, record)
    return record


def until_ready(layout: Layout, record: Record, bridge: Bridge, say: Say) -> None:
    """Wait until an instance answers and its mount was proved alive.

    Raises:
        ChangeFailedError: It ends, cannot mount, or does not get there in time.
    """
    started = time.monotonic()
    degraded: float | None = None
    patient = False
    while True:
        answer = ask({record.name: f"http://{record.address}/health"}, 1.5)[record.name]
        said, now = health(answer), time.monotonic()
        if answer.status == 200 and said.get("mount_point") == str(layout.mount(record.name)):
            return
        if said.get("status") == "degraded" and said.get("generation"):  # 0: it has not tried yet
            degraded = degraded or now
            if now - degraded > DEGRADED_SECONDS:
                raise ChangeFailedError(f"{record.name} cannot mount: {said.get('reason')}", bridge.log)
        if ended := bridge.ended():
            raise ChangeFailedError(f"{record.name} ends as soon as it is started: {ended}", bridge.log)
        if now - started > START_SECONDS:
            why = said.get("reason") or answer.error or "it does not say why"
            raise ChangeFailedError(f"{record.name} is not ready after {START_SECONDS:g} s: {why}", bridge.log)
        if now - started > 3 and not patient:
            patient = True
            say(f"waiting for {record.name}: {said.get('reason') or answer.error or 'it mounts'}")
        time.sleep(POLL)


def configure(layout: Layout, change: Change, bridge: Bridge, say: Say) -> None:
    """Write an instance's settings, have it read them again, and wait until they are in force.

    Raises:
        ChangeFailedError: It does not run, or does not take them; then the settings are as they were.
    """
    assert change.instance is not None
    before = find(layout, change.subject)
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
    generation = int(said.get("generation") or 0)
    say(f"{before.name} reads its settings again")
    if not said or not bridge.hang_up():
        _put_back(layout, before)
        raise ChangeFailedError(f"{before.name} does not run", bridge.log)
    deadline = time.monotonic() + CONFIGURE_SECONDS
    while not (_read_again(said := _ask(before), generation) and in_force(said, layout, after)):
        if _read_again(said, generation):  # it has read them: what is not so soon never will be
            deadline = min(deadline, time.monotonic() + DEGRADED_SECONDS)
        if time.monotonic() > deadline:
            _put_back(layout, before)
            bridge.hang_up()
            raise ChangeFailedError(
                f"{before.name} does not take its new settings: {said.get('reason') or 'it does not say why'}",
                bridge.log,
            )
        time.sleep(POLL)


def wait_unused(layout: Layout, image: Image, working: Callable[[Sequence[Record]], list[str]], say: Say) -> None:
    """Wait until no draining instance runs from an image any more; `working` names those of some that still run.

    Raises:
        ChangeFailedError: One still does after the drain timeout and then some, or one that is not retired does.
    """
    users = [r for r in read_records(layout) if r.image is image]
    names = [r.name for r in users if not r.retired]
    if not names and (names := working(users)):
        say(f"waiting for {', '.join(names)} to drain")
        until(lambda: not working(users), layout.place.drain_seconds + 15, every=DRAIN_POLL)
        names = working(users)
    if names:
        raise ChangeFailedError(
            f"{', '.join(names)} still runs from image {image}", "close the files that are open on its mount"
        )


def _put_back(layout: Layout, record: Record) -> None:
    write_record(layout, record)
    write_settings(layout, record)


def _read_again(said: Mapping[str, Any], generation: int) -> bool:
    return int(said.get("generation") or 0) > generation


def _ask(record: Record) -> dict[str, Any]:
    return health(ask({record.name: f"http://{record.address}/health"}, 1.5)[record.name])


def _wait_for_port(layout: Layout, port: int, name: str, say: Say) -> None:
    """Wait for a port that a draining instance of our own still holds, and refuse one that a stranger holds."""
    draining = [r for r in read_records(layout) if r.retired and port in (r.port, r.metrics_port)]
    if draining and processes.port_holder(port):
        say(f"waiting for {draining[0].name} to give up port {port}")
        until(lambda: processes.port_holder(port) is None, layout.place.drain_seconds + 5)
    local_services.require_free(port, name)
