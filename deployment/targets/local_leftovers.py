"""Clear away what retired instances of the local target leave behind."""

from __future__ import annotations

import shutil

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
        if not mounts.clear(folder):
            continue  # removing files here would remove the service's own through the mount
        if not until(lambda name=record.name: supervisor.forget(name), 2.0):  # type: ignore[misc]
            continue
        log = folder / "bridge.log"
        if log.exists():
            layout.logs.mkdir(exist_ok=True)
            log.replace(layout.logs / f"{record.name}.log")
        shutil.rmtree(folder)
