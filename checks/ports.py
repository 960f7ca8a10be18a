"""Are the ports free, or held by our own deployment? Who holds them otherwise?"""

from __future__ import annotations

import errno
import os
import socket

from checks import proc, remedies, words
from checks.check import Check, Context, Finding
from deployment.errors import OperatorError
from deployment.model import Observation
from deployment.targets.target import Place


def ports(context: Context) -> Finding | None:
    """Try to listen on every port of the deployment, and find the holder of each that is taken."""
    place = context.place
    wanted = {place.router_port: "router", place.prometheus_port: "Prometheus"}
    for name, pairs in (
        ("stable API", place.stable_ports),
        ("canary API", place.canary_ports),
        ("stable metrics", place.stable_metrics_ports),
        ("canary metrics", place.canary_metrics_ports),
    ):
        wanted |= dict.fromkeys(pairs, name)
    refused = {port: error for port in wanted if (error := _refusal(port)) is not None}
    if not refused:
        return None
    observed = _observed(context)
    seen, commands = [], []
    for port, error in refused.items():
        if error.errno == errno.EADDRINUSE:
            ours, holder = _holder(port, place, observed)
            if ours:
                continue
            somebody = "a process of another user" if os.geteuid() else "a process outside this container"
            seen.append(f"port {port} ({wanted[port]}) is held by {holder or somebody}")
            commands.append(f"kill {holder.pid}" if holder else remedies.sudo(f"ss -ltnp 'sport = :{port}'"))
        else:
            seen.append(f"port {port} ({wanted[port]}) may not be used: {error.strerror}")
    if not seen:
        return None
    remedy = "stop what holds it if nobody needs it, or choose other ports in the settings"
    return Finding(
        words.listed(seen, most=3), "The deployment could not start there.", remedy, tuple(dict.fromkeys(commands))
    )


def _refusal(port: int) -> OSError | None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that are just closing do not count
        try:
            attempt.bind(("127.0.0.1", port))
            attempt.listen(1)
        except OSError as error:
            return error
    return None


def _observed(context: Context) -> Observation:
    try:
        return context.target.observe()
    except OperatorError:
        return Observation()  # nothing of ours is known to run: every holder is named


def _holder(port: int, place: Place, observed: Observation) -> tuple[bool, proc.Process | None]:
    """Return whether this deployment holds a port, and otherwise who does, as far as that may be seen."""
    held_by_instance = any(i.address.endswith(f":{port}") or f":{port}/" in f"{i.metrics}/" for i in observed.instances)
    if held_by_instance or (port == place.router_port and observed.router):
        return True, None
    processes = proc.holders(proc.listening(port))
    foreign = [process for process in processes if not _ours(process, place, observed)]
    return bool(processes) and not foreign, foreign[0] if foreign else None


def _ours(process: proc.Process, place: Place, observed: Observation) -> bool:
    known = {i.pid for i in observed.instances if i.pid is not None}
    family = [process, *(p for p in map(proc.process, proc.parents(process.pid)) if p is not None)]
    state = str(place.state)
    return any(
        p.pid in known
        or state in p.command.split()
        or f"{state}/" in p.command
        or f"{p.folder}/".startswith(f"{state}/")
        for p in family
    )


CHECKS = (
    Check(
        "host.ports",
        "Are the ports free, or held by this deployment?",
        "host",
        ports,
        fine="the ports are free or ours",
    ),
)
