"""A port that somebody else holds is named with its holder; what this deployment holds is no finding."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from checks.ports import ports
from deployment.model import Image, InstanceState, Observation, Side
from tests.checks.places import HostTarget, context_in

LISTEN = (
    "import socket, sys; s = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n"
    "print('ready', flush=True); sys.stdin.read()"
)


@contextmanager
def listener(port: int, folder: Path) -> Iterator[int]:
    """Hold a port from another process that works in a folder, and give its pid."""
    command = [sys.executable, "-c", LISTEN, str(port)]
    child = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == b"ready\n"
        yield child.pid
    finally:
        child.stdin.close()
        child.stdout.close()
        child.wait(10)


def instance(port: int) -> InstanceState:
    return InstanceState("stable-1", Side.STABLE, 1, Image.DUAL, {}, "fusepy", True, address=f"127.0.0.1:{port}")


def test_a_port_that_is_held_is_named_with_its_holder(tmp_path: Path) -> None:
    context = context_in(tmp_path, HostTarget())
    with listener(context.place.canary_ports[1], tmp_path) as pid:
        finding = ports(context)
        assert finding is not None
        assert finding.seen.startswith(f"port {context.place.canary_ports[1]} (canary API) is held by pid {pid} (")
        assert finding.commands == (f"kill {pid}",)
        subprocess.run(finding.commands[0], shell=True, check=True)
    assert ports(context) is None


def test_a_process_of_the_state_folder_is_ours(tmp_path: Path) -> None:
    context = context_in(tmp_path, HostTarget())
    context.place.state.mkdir()
    with listener(context.place.router_port, context.place.state):
        assert ports(context) is None


def test_a_bridge_of_the_deployment_is_ours(tmp_path: Path) -> None:
    context = context_in(tmp_path, HostTarget())
    port = context.place.stable_ports[0]
    context.target = HostTarget(Observation(instances=(instance(port),)))
    with listener(port, tmp_path):
        assert ports(context) is None


def test_every_port_that_is_held_is_named(tmp_path: Path) -> None:
    context = context_in(tmp_path, HostTarget())
    taken = [context.place.prometheus_port, *context.place.stable_metrics_ports]
    held = [socket.create_server(("127.0.0.1", port)) for port in taken]
    finding = ports(context)
    for listening in held:
        listening.close()
    assert finding is not None
    assert all(f"port {port} (" in finding.seen for port in taken)
    assert finding.commands == (f"kill {os.getpid()}",)


@pytest.mark.root
def test_a_port_for_root_only_is_told_to_an_ordinary_user(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from dataclasses import replace\n"
        "from tests.checks.places import *; from checks.ports import ports\n"
        "context = context_in(Path(sys.argv[1]), HostTarget())\n"
        "context.place = replace(context.place, router_port=80)\n"
        "import os; os.setgid(65534); os.setuid(65534)\n"
        "print(ports(context).seen)\n"
    )
    unprivileged = 'echo 1024 > /proc/sys/net/ipv4/ip_unprivileged_port_start; ip link set lo up 2>/dev/null; exec "$@"'
    command = ["unshare", "--net", "sh", "-c", unprivileged, "world", sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.strip() == "port 80 (router) may not be used: Permission denied", done.stderr


def test_a_socket_that_is_only_closing_does_not_hold_a_port(tmp_path: Path) -> None:
    context = context_in(tmp_path, HostTarget())
    port = context.place.router_port
    with socket.create_server(("127.0.0.1", port)) as server:
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = server.accept()
        accepted.close()  # the side that closes first waits in TIME_WAIT
        client.close()
    assert ports(replace(context)) is None
