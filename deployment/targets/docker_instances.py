"""Instances of the Docker target: start, configure, retire, and clear away."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from deployment.errors import ChangeFailedError
from deployment.model import Change
from deployment.targets import (
    docker_adoption,
    docker_containers,
    docker_mounts,
    docker_notes,
    docker_owner,
    instances,
    mounts,
)
from deployment.targets.docker_engine import Engine, talking
from deployment.targets.instances import find
from deployment.targets.local_layout import Layout, Record, read_records, write_record
from deployment.targets.target import Say
from deployment.waiting import until


class Contained:
    """An instance as a container."""

    def __init__(self, engine: Engine, layout: Layout, name: str) -> None:
        """Stand for the instance of that name."""
        self._engine, self._name = engine, name
        self.log = f"see `docker logs {engine.name(name)}`, or {layout.logs} once it is gone"

    def ended(self) -> str:
        """Return why it is not going to answer any more, empty while it may."""
        found = docker_containers.get(self._engine, self._name)
        if found is None:
            return "its container is gone"
        if found.status == "running" and not found.attrs["RestartCount"]:
            return ""
        state = found.attrs["State"]
        return (
            f"exit code {state['ExitCode']}{f', {e}' if (e := state['Error']) else ''}: {docker_containers.tail(found)}"
        )

    def hang_up(self) -> bool:
        """Have it read its settings again and return whether it was there to be told."""
        found = docker_containers.get(self._engine, self._name)
        return found is not None and docker_containers.signal(found, "SIGHUP")


def start(engine: Engine, layout: Layout, change: Change, adopt: str, say: Say) -> None:
    """Start an instance beside what runs and wait until it is ready; if it does not get there, nothing of it stays.

    Raises:
        ChangeFailedError: Its image is missing, a port or its name is taken, or it does not become ready.
        UnreachableError: The Engine does not answer.
    """
    assert change.instance is not None
    name, image = change.subject, change.instance.image
    contained = Contained(engine, layout, name)
    known, there = find(layout, name), docker_containers.get(engine, name)
    if known is not None and there is not None and there.status == "running":
        instances.until_ready(layout, known, contained, say)
        return
    if image not in engine.images():
        raise ChangeFailedError(f"the image {image} is not there", "apply the change that prepares it first")
    adopted = docker_adoption.adopt(engine, adopt) if adopt else None
    if adopted is not None:
        docker_adoption.require_same_store(adopted, layout.place.store.absolute())
        docker_notes.keep_notes(layout, adopted.notes)
    docker_mounts.share(layout, say)
    record = instances.write_down(layout, change, say, engine.name(name) if adopted and adopted.networks else "")
    docker_owner.give(layout, adopted)
    say(f"starting {name} on port {record.port}")
    try:
        how = docker_containers.bridge(engine, layout, record, adopted)
        networks = adopted.networks[1:] if adopted else ()
        docker_containers.make(engine, name, how, engine.name(name), networks)
        instances.until_ready(layout, record, contained, say)
    except ChangeFailedError:
        retire(engine, layout, name)
        if until(lambda: not working(engine, [record]), instances.DEGRADED_SECONDS, every=instances.DRAIN_POLL):
            sweep(engine, layout)
        raise


def configure(engine: Engine, layout: Layout, change: Change, say: Say) -> None:
    """Write an instance's settings, have it read them again, and wait until they are in force.

    Raises:
        ChangeFailedError: It does not run, or does not take them; then the settings are as they were.
    """
    instances.configure(layout, change, Contained(engine, layout, change.subject), say)


def retire(engine: Engine, layout: Layout, name: str) -> None:
    """Ask an instance to drain and end, and return at once."""
    record = find(layout, name)
    if record is None:
        return
    found = docker_containers.get(engine, name)
    if found is not None:
        with talking(f"retire {name}"):
            docker_containers.end(found)
    write_record(layout, record._replace(retired=True))


def sweep(engine: Engine, layout: Layout) -> None:
    """Clear away the instances that were retired and have ended; their logs are kept."""
    retired = [r for r in read_records(layout) if r.retired]
    if not retired:
        return
    there = {c.role: c for c in engine.containers()}
    for record in retired:
        name, folder = record.name, layout.folder(record.name)
        container = there.get(name)
        if container is not None and container.runs:
            continue
        if not mounts.clear(folder):
            continue  # removing files here would remove the service's own through the mount
        if container is not None:
            _keep_log(engine, layout, name)
            docker_containers.remove(engine, container.id)
        shutil.rmtree(folder)


def working(engine: Engine, records: Sequence[Record]) -> list[str]:
    """Return the names of the instances that still run."""
    there = {c.role for c in engine.containers() if c.runs}
    return [r.name for r in records if r.name in there]


def _keep_log(engine: Engine, layout: Layout, name: str) -> None:
    found = docker_containers.get(engine, name)
    if found is None:
        return
    layout.logs.mkdir(parents=True, exist_ok=True)
    with talking(f"keep the log of {name}"):
        (layout.logs / f"{name}.log").write_bytes(found.logs(timestamps=True))
