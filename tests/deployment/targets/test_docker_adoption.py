"""A migration that begins with somebody's own Bridge in a container: looked at, gone on from, and left alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from deployment.errors import ChangeFailedError
from deployment.model import Deployment, Image, Side
from deployment.targets.docker_adoption import adopt
from deployment.targets.docker_engine import Engine
from deployment.targets.docker_images import prepare
from deployment.targets.docker_target import DockerTarget
from deployment.targets.local_layout import Layout
from deployment.targets.target import DockerPlace
from runbook.settings import FILE, load
from tests.deployment.deployed import CANARY, FUSEPY, MIRRORING, STABLE, Deployed
from tests.deployment.helpers import a_place, request
from tests.deployment.targets.engines import BASE, docker
from tests.ports import free_ports
from tests.waiting import until

pytestmark = [pytest.mark.fuse, pytest.mark.root, pytest.mark.docker, pytest.mark.timeout(600)]

NAME = f"their-bridge-{os.getpid()}"
NETWORK = f"their-network-{os.getpid()}"


def asked(path: str) -> int:
    """Ask the adopted Bridge something where it runs and return the status of its answer, 0 if there is none."""
    program = f"""
import http.client
try:
    connection = http.client.HTTPConnection("127.0.0.1", 8765, timeout=5)
    connection.request("GET", {path!r})
    print(connection.getresponse().status)
except OSError:
    print(0)
"""
    return int(docker("exec", NAME, "python", "-c", program))


@pytest.fixture(scope="module")
def bridge(short_root: Path, wheels: Path) -> Iterator[Path]:
    """Somebody's Bridge as their compose file would run it, and the folder of its volume on the host."""
    layout = Layout.of(a_place(short_root / "theirs"))
    engine = Engine(layout.state)
    prepare(layout, engine, Image.FUSE2, BASE, print)
    docker("network", "create", NETWORK)
    docker("volume", "create", NAME)
    docker(
        *("run", "--detach", "--name", NAME, "--network", NETWORK, "--label", f"com.docker.compose.service={NAME}"),
        *("--device", "/dev/fuse", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--pids-limit", "321"),
        *(f"--cap-add={c}" for c in ("SYS_ADMIN", "SETUID", "SETGID", "SETPCAP")),
        *("--volume", f"{NAME}:/var/lib/lighthouse", "--env", "LIGHTHOUSE_CACHE_TTL=17", "--memory", "512m"),
        engine.tag(Image.FUSE2),
    )
    try:
        until(lambda: asked("/health") == 200, 60)
        yield Path(docker("volume", "inspect", "--format", "{{.Mountpoint}}", NAME))
        assert docker("inspect", "--format", "{{.State.Running}} {{.RestartCount}}", NAME) == "true 0"
    finally:
        docker("rm", "--force", NAME)
        docker("volume", "rm", NAME)
        docker("network", "rm", NETWORK)
        docker("rmi", "--no-prune", engine.tag(Image.FUSE2))


@pytest.mark.parametrize(
    "word",
    [NAME, f"service={NAME}", f"label=com.docker.compose.service={NAME}"],
    ids=["name", "service", "label"],  # alike in every process that runs tests
)
def test_what_it_is_made_of_is_read_off_it(bridge: Path, word: str) -> None:
    seen = adopt(Engine(bridge), word)
    assert (seen.name, seen.uid, seen.gid) == (NAME, 1000, 1000)  # not root, which its container begins as
    assert seen.store == bridge / "events.db"
    assert seen.networks == (NETWORK,)
    assert seen.environment["LIGHTHOUSE_CACHE_TTL"] == "17" and "PATH" not in seen.environment
    assert seen.limits == {"pids_limit": 321, "mem_limit": 512 * 2**20}


def test_what_cannot_be_adopted_is_named(bridge: Path) -> None:
    with pytest.raises(ChangeFailedError, match="no container can be adopted as 'nobody'") as failure:
        adopt(Engine(bridge), "nobody")
    assert "docker.adopt" in failure.value.hint


def test_another_store_is_refused_before_anything_starts(bridge: Path, short_tmp: Path) -> None:
    deployed = Deployed(short_tmp, kind=partial(DockerTarget, docker=DockerPlace(adopt=NAME)))
    try:
        with pytest.raises(ChangeFailedError, match=f"the store of {NAME} is {bridge}/events.db") as failure:
            deployed.to(Deployment(FUSEPY))
        assert failure.value.hint == f'set target.store = "{bridge}/events.db" in the settings'
        assert deployed.target.observe().instances == ()
    finally:
        assert deployed.target.destroy(print) == ()


def test_both_sides_go_on_from_it_and_it_goes_on_too(bridge: Path, short_tmp: Path) -> None:
    deployed = Deployed(short_tmp)
    deployed.place = replace(deployed.place, store=bridge / "events.db")
    deployed.target = DockerTarget(deployed.place, DockerPlace(adopt=NAME))
    engine = Engine(deployed.place.state.resolve())
    try:
        seen = deployed.to(Deployment(FUSEPY))
        assert docker("inspect", "--format", "{{.Image}}", engine.name("stable-1")) == docker(
            "inspect", "--format", "{{.Image}}", NAME
        )
        assert any(NAME in note and "docker stop" in note for note in seen.notes)
        deployed.to(Deployment(STABLE))
        seen = deployed.to(Deployment(MIRRORING, CANARY, 100))
        for side, backend in ((Side.STABLE, "fusepy"), (Side.CANARY, "pyfuse3")):
            now = seen.serving(side)
            assert now is not None and now.serving == backend and now.told["LIGHTHOUSE_CACHE_TTL"] == "17"
            how = "{{.HostConfig.PidsLimit}} {{.HostConfig.Memory}} {{.HostConfig.NetworkMode}}"
            assert docker("inspect", "--format", how, engine.name(now.name)) == f"321 {512 * 2**20} {NETWORK}"
        assert request(deployed.place.router_port, "PUT", "/files/mine", b"written through the canary")[0] < 300
        # their own Bridge serves the same store: it sees what ours wrote
        until(lambda: asked("/files/mine") == 200, 60)
        assert (deployed.place.live / "current" / "mine").read_text() == "written through the canary"
    finally:
        assert deployed.target.destroy(print) == ()


def test_a_network_that_is_gone_is_named(bridge: Path, short_tmp: Path) -> None:
    deployed = Deployed(short_tmp)
    deployed.place = replace(deployed.place, store=bridge / "events.db")
    deployed.target = DockerTarget(deployed.place, DockerPlace(adopt=NAME))
    docker("network", "disconnect", "--force", NETWORK, NAME)
    docker("network", "rm", NETWORK)
    try:
        with pytest.raises(ChangeFailedError, match=f"network {NETWORK} not found") as failure:
            deployed.to(Deployment(FUSEPY))
        assert "docker network ls" in failure.value.hint
        assert deployed.target.observe().instances == ()
    finally:
        docker("network", "create", NETWORK)
        assert deployed.target.destroy(print) == ()


def test_init_writes_what_it_finds(bridge: Path, short_tmp: Path) -> None:
    arguments = ["--target", "docker", "--adopt", NAME, "--base-port", str(free_ports(1)[0] // 10 * 10)]
    done = subprocess.run(
        [sys.executable, "-c", "from runbook.cli.main import run; run()", "init", *arguments],
        cwd=short_tmp,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    written = load(short_tmp / FILE)
    assert (written.docker.adopt, written.place.store) == (NAME, bridge / "events.db")
    assert f"{NAME} was adopted and is left alone" in done.stderr
