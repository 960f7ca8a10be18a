"""What retired instances leave behind: wait for it to go, and clear it away."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from deployment.errors import ChangeFailedError
from deployment.model import Image
from deployment.targets import mounts, processes
from deployment.targets.local_layout import Layout, read_records
from deployment.targets.local_observe import BRIDGE
from deployment.targets.local_supervisor import Supervisor
from deployment.waiting import until


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
        if not until(lambda name=record.name: supervisor.forget(name), 2.0):  # type: ignore[misc]
            continue
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
        until(lambda: not users(), layout.place.drain_seconds + 15)
        names = users()
    if names:
        raise ChangeFailedError(
            f"{', '.join(names)} still runs from image {image}", "close the files that are open on its mount"
        )
