"""What a local deployment really is, asked of the world now.

This runs in every `status`, which may spend 100 ms of CPU: it imports nothing heavy, starts no process where all is
well, and touches no mount.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deployment import unix_socket
from deployment.errors import UnreachableError
from deployment.http_ask import Answer, ask
from deployment.model import Image, InstanceState, Observation, Side
from deployment.router import Router
from deployment.targets import mounts, processes
from deployment.targets.local_layout import Layout, Record, read_last, read_records

BRIDGE = "bridge.main_bridge"
HEALTH_SECONDS = 1.5
ROUTER_SECONDS = 0.5


def observe(layout: Layout) -> Observation:
    """Return what is there, within 3 seconds whatever hangs."""
    records = read_records(layout)
    answers = ask({r.name: f"http://{r.address}/health" for r in records if not r.retired}, HEALTH_SECONDS)
    told = {name: health(answer) for name, answer in answers.items()}
    silent = [r for r in records if r.retired or not is_ours(layout, r, told[r.name])]
    working = processes.working_in([layout.folder(r.name) for r in silent], BRIDGE) if silent else {}
    states = []
    for record in records:
        pid = working.get(layout.folder(record.name))
        if record.retired and pid is None:
            continue  # gone; what it left is removed with the next change
        states.append(state_of(layout, record, told.get(record.name, {}), answers.get(record.name, Answer()), pid))
    return observation(layout, records, states, layout.present(), _notes(layout, states))


def observation(
    layout: Layout,
    records: tuple[Record, ...],
    states: Sequence[InstanceState],
    images: frozenset[Image],
    notes: Sequence[str],
) -> Observation:
    """Return instances, images and notes together with what the router and the stable path say."""
    live, live_detail = _shown(layout, records)
    running, routes, weight, actual = _routing(Router(layout.haproxy / "admin.sock", ROUTER_SECONDS), records)
    return Observation(
        instances=tuple(states),
        router=running,
        routes=routes,
        weight=weight,
        actual=actual,
        live=live,
        live_detail=live_detail,
        images=images,
        last=read_last(layout),
        notes=tuple(notes),
    )


def health(answer: Answer) -> dict[str, Any]:
    """Return what a Bridge says of itself, empty if it does not answer as one."""
    if not answer.status:
        return {}
    try:
        said = json.loads(answer.body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def live_name(layout: Layout) -> str | None:
    """Return the name of the instance whose mount the live path shows."""
    return _shown(layout, read_records(layout))[0]


def _notes(layout: Layout, states: Sequence[InstanceState]) -> tuple[str, ...]:
    """Say what would not be started again if it died."""
    serving = [s for s in states if not s.draining]
    if not serving:
        return ()
    if not unix_socket.listening(layout.supervisor / "supervisor.sock"):
        return ("supervisord does not run: nothing that dies is started again until the next change",)
    try:
        supervisor = int((layout.supervisor / "supervisord.pid").read_text("ascii"))
    except (OSError, ValueError):
        return ()
    orphans = [s.name for s in serving if s.pid is not None and processes.parent(s.pid) not in (supervisor, None)]
    # it lived through the death of the supervisord that started it, and the new one cannot adopt it
    return tuple(f"{name} runs without supervision: it is not started again if it dies" for name in orphans)


def is_ours(layout: Layout, record: Record, said: Mapping[str, Any]) -> bool:
    """Return whether what answers on an instance's port is that instance and not somebody else."""
    return str(said.get("mount_point", "")) == str(layout.mount(record.name))


def state_of(layout: Layout, record: Record, said: Mapping[str, Any], answer: Answer, pid: int | None) -> InstanceState:
    """Return an instance as its API and its process show it."""
    common: dict[str, Any] = {
        "name": record.name,
        "side": record.side,
        "generation": record.generation,
        "image": record.image,
        "address": record.address,
        "metrics": record.metrics,
        "mount": str(layout.mount(record.name)),
    }
    if record.retired:
        return InstanceState(
            **common, told={}, serving=None, ready=False, draining=True, detail=f"it drains (pid {pid})", pid=pid
        )
    if is_ours(layout, record, said):
        told = {str(k): str(v) for k, v in dict(said.get("config") or {}).items() if str(k).startswith("LIGHTHOUSE_")}
        ready = answer.status == 200
        detail = "" if ready else str(said.get("reason") or said.get("status") or f"its API says {answer.status}")
        serving = said.get("backend") or None
        return InstanceState(
            **common, told=told, serving=serving, ready=ready, detail=detail, pid=int(said.get("pid") or 0) or None
        )
    if pid is not None:
        why = answer.error or f"its API says {answer.status}"
        detail = f"its API does not answer (pid {pid}): {why}"
    elif answer.status:
        detail = f"it does not run, and something else answers on port {record.port}"
    else:
        detail = "it does not run"
    return InstanceState(**common, told={}, serving=None, ready=False, detail=detail, pid=pid)


def _shown(layout: Layout, records: tuple[Record, ...]) -> tuple[str | None, str]:
    """Return whose mount the live path shows, or None and why that is not known."""
    table = mounts.table()
    visible = mounts.at(table, layout.live)
    if visible is None:
        try:
            link = layout.live.readlink()
        except OSError:
            return None, "not mounted"
        aim = Path(os.path.normpath(layout.live.parent / link))
        for record in records:
            if aim == layout.mount(record.name):
                return record.name, ""
        return None, f"a foreign link to {aim}"
    for record in records:
        own = _own(table, layout.mount(record.name))
        # what somebody mounts over a shared mount is passed on to every place that shows the same mount
        if own is not None and own.device == visible.device and visible.kind.startswith("fuse"):
            return record.name, ""
    return None, "a foreign mount" if _answers(layout.live) else "dead"


def _own(table: tuple[mounts.Mount, ...], point: Path) -> mounts.Mount | None:
    """Return an instance's mount, also where mounts cannot be moved and a symbolic link stands for it."""
    own = mounts.at(table, point)
    if own is not None:
        return own
    try:
        return mounts.at(table, Path(os.path.normpath(point.parent / point.readlink())))
    except OSError:
        return None


def _answers(path: Path) -> bool:
    """Ask a mount we do not know from a disposable child: a dead one must never be touched from here."""
    import subprocess

    # a format without attributes is answered from the path alone, so it asks for the inode
    child = subprocess.Popen(
        ["stat", "--format=%i %s", str(path)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        return child.wait(timeout=0.7) == 0
    except subprocess.TimeoutExpired:
        child.kill()  # it may be in D state: nobody waits for it
        return False


def _routing(router: Router, records: tuple[Record, ...]) -> tuple[bool, Mapping[Side, str], int | None, float | None]:
    """Return what the router says: that it runs, where each side goes, the weight and the actual share."""
    try:
        servers = router.servers()
        names = {r.address: r.name for r in records}
        # a route to an address nobody of ours has is not "nobody": requests fail there
        routes = {s: names.get(v.address, f"nobody at {v.address}") for s, v in servers.items() if v.routed}
        return True, routes, router.weight(), router.actual()
    except UnreachableError:
        return False, {}, None, None
