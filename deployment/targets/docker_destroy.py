"""Take a deployment off a Docker Engine: everything the target made and nothing else."""

from __future__ import annotations

from pathlib import Path

from deployment.errors import OperatorError
from deployment.targets import docker_containers, docker_images, docker_mounts, local_live, mounts
from deployment.targets.deleting import delete
from deployment.targets.docker_engine import COMMAND, ROUTER, Container, Engine, talking
from deployment.targets.local_layout import Layout
from deployment.targets.target import Say
from deployment.waiting import until

FSNAME = "lighthouse-bridge"  # what every Bridge's mount says it is mounted from


def destroy(engine: Engine, layout: Layout, say: Say) -> tuple[str, ...]:
    """Stop and remove everything and return what is left; interrupted at any point, it can be run again."""
    _hide(layout)
    left = _end(engine, layout, say)
    for mount in (*mounts.below(mounts.table(), layout.instances), *_shown(layout)):
        mounts.abort(mount)
        mounts.detach(mount.point)
    if left:
        return left  # files stay too, so that the next attempt finds its way
    for tag in sorted(engine.images()):
        docker_images.untag(engine, tag)
    left = (*(f"mount {m.point}" for m in mounts.below(mounts.table(), layout.instances)), *_shown_words(layout))
    if left:
        return left
    found = [why] if (why := local_live.remove_path(layout)) else []
    found += docker_mounts.release(layout)
    found += [why for folder in layout.owned() if (why := delete(folder))]
    return tuple(found)


def _hide(layout: Layout) -> None:
    """Take the stable path away first: while it shows an instance, that instance is in use and cannot drain."""
    for mount in _shown(layout):
        mounts.detach(mount.point)


def _shown(layout: Layout) -> tuple[mounts.Mount, ...]:
    """Return the mounts of Bridges on the stable path, whose own mount may be gone with its container."""
    return tuple(m for m in mounts.table() if Path(m.point) == layout.live and m.source == FSNAME)


def _shown_words(layout: Layout) -> tuple[str, ...]:
    return tuple(f"mount {m.point}" for m in _shown(layout))


def _end(engine: Engine, layout: Layout, say: Say) -> tuple[str, ...]:
    """End and remove every container of ours: Bridges may drain, what else there is goes at once."""
    there = engine.containers()
    bridges = [c for c in there if c.role not in (ROUTER, COMMAND)]
    working = [c for c in bridges if c.runs]
    for each in working:
        _ask_to_end(engine, each)
    if working:
        say(f"draining {', '.join(sorted(c.role for c in working))}")
    identities = {c.id for c in bridges}
    patience = layout.place.drain_seconds + 5
    until(lambda: not any(c.id in identities and c.runs for c in engine.containers()), patience, every=0.1)
    left = []
    for each in there:
        try:
            docker_containers.remove(engine, each.id)
        except OperatorError as error:
            left.append(f"container {each.name}: {error.message}")
    return tuple(left)


def _ask_to_end(engine: Engine, container: Container) -> None:
    found = docker_containers.get(engine, container.role)
    if found is None:
        return
    with talking(f"end {container.role}"):
        docker_containers.end(found)
