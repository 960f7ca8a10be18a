"""Take a local deployment away: everything the target made and nothing else."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Mapping
from pathlib import Path

from deployment.errors import ChangeFailedError
from deployment.targets import local_live, mounts, processes
from deployment.targets.deleting import delete
from deployment.targets.local_images import BUILDING
from deployment.targets.local_layout import Layout, read_records
from deployment.targets.local_observe import BRIDGE
from deployment.targets.local_supervisor import Supervisor
from deployment.targets.target import Say
from deployment.waiting import until

SUPERVISOR = {"supervisor": "supervisor.supervisord"}
SERVICES = {"haproxy": "haproxy.cfg", "prometheus": "--config.file=prometheus.yml", **SUPERVISOR}


def destroy(layout: Layout, say: Say) -> tuple[str, ...]:
    """Stop and remove everything and return what is left; interrupted at any point, it can be run again."""
    devices = {m.device for m in mounts.below(mounts.table(), layout.instances)} | local_live.of_ours(layout)
    _end_build(layout)
    _hide(layout, devices)
    _end_bridges(layout, say)
    _end_services(layout)
    _unmount(layout, devices)
    return _remove(layout)


def _hide(layout: Layout, devices: set[str]) -> None:
    """Take the stable path away first: while it shows an instance, that instance is in use and cannot drain."""
    shown = mounts.at(mounts.table(), layout.live)
    ours = shown.device in devices if shown is not None else _our_link(layout)
    if ours and local_live.hide(layout) is not None and shown is not None:
        mounts.detach(shown.point)
    if _our_link(layout):
        layout.live.unlink()


def _our_link(layout: Layout) -> bool:
    try:
        aim = os.path.normpath(layout.live.parent / layout.live.readlink())
    except OSError:
        return False
    return aim.startswith(f"{layout.instances}/")


def _end_build(layout: Layout) -> None:
    """End a build whose tool was interrupted in the instant of starting it, and so knows nothing of it."""

    def ended() -> bool:
        building = processes.running_from(layout.wheels)
        building |= dict.fromkeys(processes.working_in([layout.state], BUILDING).values(), BUILDING)
        return not [pid for pid, word in building.items() if processes.send(pid, signal.SIGKILL, word)]

    until(ended, 5)  # again and again: what a build had started may be seen only once the build is gone


def _end_bridges(layout: Layout, say: Say) -> None:
    folders = [layout.folder(r.name) for r in read_records(layout)]
    working = processes.working_in(folders, BRIDGE)
    for folder, pid in working.items():
        # supervisord must hear of it, or it starts again what ends
        if not _stopped(layout, folder.name):
            processes.send(pid, signal.SIGTERM, BRIDGE)
    if working:
        say(f"draining {', '.join(sorted(f.name for f in working))}")
    # whatever runs from our images is ours: Bridges, the processes of their mounts, commands that were abandoned
    if not until(lambda: not processes.running_from(layout.images), layout.place.drain_seconds + 5):
        for pid, program in processes.running_from(layout.images).items():
            processes.send(pid, signal.SIGKILL, program)
        until(lambda: not processes.running_from(layout.images), 2)


def _stopped(layout: Layout, name: str) -> bool:
    """Have supervisord stop a Bridge; one that does not answer is ended itself, before it wakes and starts it again."""
    try:
        return Supervisor(layout).stop(name)
    except ChangeFailedError:
        _insist(layout, SUPERVISOR)
        return False


def _end_services(layout: Layout) -> None:
    with contextlib.suppress(ChangeFailedError):  # it does not answer: signals do it
        if Supervisor(layout).shut_down() and until(lambda: not _serving(layout, SERVICES), 5):
            return
    _insist(layout, SERVICES)


def _insist(layout: Layout, services: Mapping[str, str]) -> None:
    for number, seconds in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 2.0)):
        for folder, pid in _serving(layout, services).items():
            processes.send(pid, number, services[folder.name])
        if until(lambda: not _serving(layout, services), seconds):
            return


def _serving(layout: Layout, services: Mapping[str, str]) -> dict[Path, int]:
    found: dict[Path, int] = {}
    for name, word in services.items():
        found.update(processes.working_in([layout.state / name], word))
    return found


def _unmount(layout: Layout, devices: set[str]) -> None:
    """Take down what a Bridge that was killed has left mounted, and free whoever waits for it."""
    # only what is still mounted at our own places: the kernel gives the number of a device that went to the next mount
    for mount in (*mounts.below(mounts.table(), layout.instances), *_shown(layout, devices)):
        mounts.abort(mount)
        mounts.detach(mount.point)


def _shown(layout: Layout, devices: set[str]) -> tuple[mounts.Mount, ...]:
    return tuple(m for m in mounts.table() if m.point == str(layout.live) and m.device in devices)


def _remove(layout: Layout) -> tuple[str, ...]:
    left = [f"mount {m.point}" for m in mounts.below(mounts.table(), layout.state)]
    left += [f"process {pid} ({program})" for pid, program in processes.running_from(layout.images).items()]
    left += [f"process {pid} ({folder.name})" for folder, pid in _serving(layout, SERVICES).items()]
    if left:
        return tuple(left)  # files stay too, so that the next attempt finds its way
    if why := local_live.remove_path(layout):
        left.append(why)
    left += [why for folder in layout.owned() if (why := delete(folder))]
    return tuple(left)
