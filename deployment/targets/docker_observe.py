"""What a deployment on a Docker Engine really is, asked of the world now.

The Bridges, the router and the kernel's table of mounts answer for themselves, as on the local target; the Engine adds
which containers there are. Where the Engine is silent everything else is still seen, so that a rollback, which is one
word to the router, does not wait for it.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from deployment.errors import UnreachableError
from deployment.http_ask import Answer, ask
from deployment.model import Image, Observation
from deployment.targets import docker_notes, local_observe
from deployment.targets.docker_engine import Container, Engine
from deployment.targets.local_layout import Layout, Record, read_records

ENGINE_SECONDS = 1.8


class _Asking(threading.Thread):
    """What the Engine says, asked while the Bridges answer."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(daemon=True)
        self._engine = Engine(layout.state, ENGINE_SECONDS)
        self.containers: dict[str, Container] | None = None
        self.images: frozenset[Image] | None = None
        self.pids: dict[str, int | None] = {}
        self.error = ""
        self.start()

    def run(self) -> None:
        try:
            there = {c.role: c for c in self._engine.containers()}
            tags = self._engine.images()
            self.containers, self.images = there, frozenset(i for i in Image if i in tags)
            self.pids = {c.role: self._engine.pid(c) for c in there.values() if c.runs}
        except UnreachableError as error:
            self.error = error.message


def observe(layout: Layout) -> Observation:
    """Return what is there, within 3 seconds whatever hangs."""
    records = read_records(layout)
    urls = {r.name: f"http://{r.address}/health" for r in records if not r.retired}
    asking = _Asking(layout)
    answers = ask(urls, local_observe.HEALTH_SECONDS)
    notes = list(docker_notes.read(layout).notes)
    asking.join(ENGINE_SECONDS + 0.3)
    containers, images = asking.containers, asking.images
    if containers is None or images is None:
        notes.append(f"{asking.error}; its containers and images are as they were last seen")
        images = docker_notes.read(layout).images
    else:
        with suppress(PermissionError):  # whoever may only look writes nothing down
            docker_notes.keep_images(layout, images)
    states = []
    for record in records:
        there = containers.get(record.name) if containers is not None else None
        if record.retired and containers is not None and (there is None or not there.runs):
            continue  # it has ended; what it left is removed with the next change
        pid = asking.pids.get(record.name)
        answer = answers.get(record.name, Answer())
        found = local_observe.state_of(layout, record, local_observe.health(answer), answer, pid)
        # the Bridge knows its process by its container's numbers, we by the host's
        detail = found.detail if record.retired or found.ready else _why(there, found.detail, containers)
        states.append(replace(found, pid=pid, detail=detail, told=_as_seen_from_here(found.told, records)))
    return local_observe.observation(layout, records, states, images, notes)


def _as_seen_from_here(told: Mapping[str, str], records: tuple[Record, ...]) -> Mapping[str, str]:
    """Return what a Bridge was told with the addresses it has in its own network as those of this host."""
    inside = {f"http://{r.host}:{r.port}": f"http://{r.address}" for r in records if r.host}
    return {key: inside.get(value, value) for key, value in told.items()}


def _why(there: Container | None, detail: str, containers: dict[str, Container] | None) -> str:
    """Say what the Engine knows about an instance that is not ready."""
    if containers is None:
        return detail
    if there is None:
        return "its container was removed"
    if there.state == "running":
        return detail
    return f"its container is {there.state}: {there.detail}"
