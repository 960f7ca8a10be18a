"""The compose file as an operator starts it: two Bridges on one store, a router in front, mounts that the host sees."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from deployment.kit import everything
from tests import leaks
from tests.kit.images import BASE, docker, image, validated
from tests.ports import free_ports
from tests.waiting import until

pytestmark = [pytest.mark.docker, pytest.mark.fuse, pytest.mark.root, pytest.mark.timeout(600)]

COMPOSE = str(Path(sys.executable).with_name("docker-compose"))
ROUTER = "lighthouse-kit-test:router"
# What a machine that others share cannot have: fixed names and ports, and images that only a registry has.
OVERRIDE = """\
name: {name}
services:
  primary: {{container_name: {name}-primary, cpus: 1, ports: !reset []}}
  shadow: {{container_name: {name}-shadow, cpus: 1, ports: !reset []}}
  router: {{container_name: {name}-router, ports: !override ["127.0.0.1:{port}:8765"]}}
"""
HAPROXY = "FROM {base}\nRUN apt-get update && apt-get install -y --no-install-recommends haproxy\n"


class Composed:
    """One project with the kit in it, and Compose to act on it."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.mounts = folder / "mounts"
        self.port = free_ports(1)[0]
        for artefact in everything():
            path = folder / artefact.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(artefact.data)
        (folder / "override.yml").write_text(OVERRIDE.format(name=name, port=self.port))

    def compose(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run Compose on the kit's file."""
        environment = {
            **os.environ,
            "LIGHTHOUSE_IMAGE": image("dual"),
            "HAPROXY_IMAGE": ROUTER,
            "LIGHTHOUSE_MOUNTS": str(self.mounts),
            "COMPOSE_PROFILES": "migration",
        }
        files = ["-f", "docker-compose.dual-fuse.yml", "-f", "override.yml"]
        done = subprocess.run(
            [COMPOSE, *files, *arguments], cwd=self.folder, env=environment, capture_output=True, text=True, timeout=180
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr + self.compose("logs", check=False).stdout
        return done

    def prepare(self) -> None:
        """Share the mounts as the kit's script does."""
        script = self.folder / "scripts/docker/prepare-host.sh"
        subprocess.run(["sh", script, self.mounts], check=True, capture_output=True, timeout=30)

    def request(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """Ask the router."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body, {"X-Client-Id": "somebody"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


def serving(name: str) -> dict[str, Any]:
    """Return what the health check says as soon as it finds all well."""
    return until(lambda: (told := validated(name))["ok"] and told, 60)


@pytest.fixture(scope="module")
def composed(short_root: Path) -> Iterator[Composed]:
    built = subprocess.run(
        ["docker", "build", "-q", "-t", ROUTER, "-"], input=HAPROXY.format(base=BASE), text=True, capture_output=True
    )
    assert built.returncode == 0, built.stderr
    folder = short_root / "composed"
    folder.mkdir()
    project = Composed(folder, f"kit-test-{os.getpid()}")
    project.prepare()
    try:
        project.compose("up", "-d", "--no-build", "--wait", "primary", "shadow", "router")
        yield project
    finally:
        project.compose("down", "--volumes", "--timeout", "20", check=False)
        for mount in leaks.fuse_mounts([folder]):
            leaks.detach(mount)
        subprocess.run(["umount", "-l", project.mounts], check=False, capture_output=True)


def test_each_bridge_serves_with_its_own_backend(composed: Composed) -> None:
    for side, library in (("primary", "libfuse.so.2"), ("shadow", "libfuse3.so.3")):
        told = serving(f"{composed.name}-{side}")
        assert told["library"].startswith(library), told


def test_what_a_client_writes_through_the_router_both_mounts_show_on_the_host(composed: Composed) -> None:
    assert composed.request("PUT", "/files/from-a-client", b"lighthouse")[0] in (200, 201, 204)
    assert composed.request("GET", "/files/from-a-client") == (200, b"lighthouse")
    for side in ("primary", "shadow"):
        assert (composed.mounts / side / "project/current/from-a-client").read_bytes() == b"lighthouse"


def test_settings_are_taken_on_hup_while_clients_work(composed: Composed) -> None:
    settings = composed.folder / "config/primary/bridge.env"
    before = settings.read_text()
    settings.write_text(before + "LIGHTHOUSE_FUSE_BACKEND=pyfuse3\nLIGHTHOUSE_FUSE_FALLBACK=none\n")
    composed.compose("kill", "-s", "HUP", "primary")
    name = f"{composed.name}-primary"
    statuses = set()

    def gone_over() -> bool:
        statuses.add(composed.request("GET", "/ready")[0])
        return str(validated(name).get("library")).startswith("libfuse3")

    until(gone_over, 60)
    settings.write_text(before)
    composed.compose("kill", "-s", "HUP", "primary")
    until(lambda: str(validated(name).get("library")).startswith("libfuse.so.2"), 60)
    assert statuses == {200}


def test_a_killed_bridge_is_started_again_over_its_dead_mount(composed: Composed) -> None:
    name = f"{composed.name}-shadow"
    docker("kill", name)
    composed.prepare()  # it clears what a killed container left
    composed.compose("up", "-d", "--no-build", "--wait", "shadow")
    assert serving(name)


def test_it_goes_without_a_mount_left(composed: Composed) -> None:
    composed.compose("stop", "--timeout", "30", "primary", "shadow")
    assert leaks.fuse_mounts([composed.folder]) == set()
    composed.compose("up", "-d", "--no-build", "--wait", "primary", "shadow")
    assert composed.request("GET", "/files/from-a-client") == (200, b"lighthouse")
