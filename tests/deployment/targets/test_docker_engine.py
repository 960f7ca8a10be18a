"""The Engine itself: where it is, that it restarts in the middle of an advance, that its disk is full."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployment.errors import ChangeFailedError, UnreachableError
from deployment.model import Change, Deployment, Image, Kind, Side
from deployment.plan import plan
from deployment.targets.docker_engine import DEFAULT, Engine, endpoint
from deployment.targets.docker_target import DockerTarget
from tests.deployment.deployed import CANARY, STABLE, Deployed
from tests.deployment.helpers import Clients
from tests.deployment.targets.engines import BASE, OwnEngine, docker
from tests.waiting import until


@pytest.mark.docker
def test_the_engine_is_where_docker_itself_would_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.delenv("DOCKER_CONTEXT", raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    assert endpoint() == (DEFAULT, "")
    subprocess.run(
        ["docker", "--config", tmp_path, "context", "create", "far", "--docker", "host=tcp://192.0.2.1:2376"],
        check=True,
        capture_output=True,
    )
    monkeypatch.setenv("DOCKER_CONTEXT", "far")
    assert endpoint() == ("tcp://192.0.2.1:2376", "far")
    monkeypatch.delenv("DOCKER_CONTEXT")
    (tmp_path / "config.json").write_text(json.dumps({"currentContext": "far"}))
    assert endpoint() == ("tcp://192.0.2.1:2376", "far")
    monkeypatch.setenv("DOCKER_HOST", "ssh://somebody@somewhere")
    assert endpoint() == ("ssh://somebody@somewhere", "")
    monkeypatch.delenv("DOCKER_HOST")
    monkeypatch.setenv("DOCKER_CONTEXT", "nowhere")
    with pytest.raises(UnreachableError, match="the docker context nowhere cannot be read"):
        endpoint()


@pytest.mark.docker
def test_an_engine_is_trusted_by_its_own_authority_whatever_others_are_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "everybody.pem"))
    api = Engine(tmp_path).sdk.api
    api.verify = "the-engine.pem"
    assert api.merge_environment_settings("https://192.0.2.1:2376", {}, None, None, None)["verify"] == "the-engine.pem"


@pytest.fixture
def own(short_tmp: Path) -> Iterator[OwnEngine]:
    folder = short_tmp / "engine"
    folder.mkdir()
    engine = OwnEngine(folder, "--live-restore")
    try:
        yield engine
    finally:
        engine.remove()


@pytest.mark.fuse
@pytest.mark.root
@pytest.mark.docker
@pytest.mark.timeout(600)
def test_an_engine_that_restarts_in_the_middle_of_an_advance(
    own: OwnEngine, short_tmp: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed = Deployed(short_tmp / "ours", kind=DockerTarget)
    engine = Engine(deployed.place.state.resolve())
    tags = [engine.tag(Image.DUAL), engine.tag("router")]
    _have_images(deployed, short_tmp / "images.tar", tags)
    own.start()
    own.command("load", "--quiet", "--input", str(short_tmp / "images.tar"))
    monkeypatch.setenv("DOCKER_HOST", own.host)
    deployed.target = DockerTarget(deployed.place)
    both = Deployment(STABLE, CANARY, 50)
    try:
        deployed.to(Deployment(STABLE))
        with Clients(deployed.place.router_port) as clients:
            until(lambda: clients.done > 50, 60)
            start = next(c for c in plan(deployed.target.observe(), both) if c.kind is Kind.START)
            own.stop()
            with pytest.raises(UnreachableError, match="the Docker Engine does not answer"):
                deployed.target.apply(start, print)
            seen = deployed.target.observe()
            assert [(i.name, i.ready) for i in seen.instances] == [("stable-1", True)]
            assert "does not answer" in seen.notes[0]
            own.start()
            seen = deployed.to(both)
            done = clients.done
            until(lambda: clients.done > done + 50, 60)
        assert clients.failed == []
        assert {i.name for i in seen.instances if i.ready} == {"stable-1", f"canary-{seen.last[Side.CANARY]}"}
    finally:
        assert deployed.target.destroy(print) == ()


@pytest.mark.fuse
@pytest.mark.root
@pytest.mark.docker
@pytest.mark.timeout(600)
def test_a_full_disk_is_named_with_what_frees_it(
    own: OwnEngine, short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed = Deployed(short_tmp / "ours", kind=DockerTarget)
    kept = deployed.place.state / "images" / "dual.tar"
    kept.parent.mkdir(parents=True)
    docker("save", "--output", str(kept), BASE)
    data = own.folder / "data"
    data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", data], check=True)
    own.start()
    monkeypatch.setenv("DOCKER_HOST", own.host)
    deployed.target = DockerTarget(deployed.place)
    with pytest.raises(ChangeFailedError, match="no space left on device") as failure:
        deployed.apply(Change(Kind.PREPARE, "image dual", "", "", "", image=Image.DUAL))
    assert "docker system df" in failure.value.hint
    assert deployed.target.observe().images == frozenset()
    assert deployed.target.destroy(print) == ()


def _have_images(deployed: Deployed, tarball: Path, tags: list[str]) -> None:
    """Build on the machine's own Engine, whose cache has everything, what another one is to run."""
    from deployment.targets import docker_images
    from deployment.targets.local_layout import Layout

    layout = Layout.of(deployed.place)
    engine = Engine(layout.state)
    docker_images.prepare(layout, engine, Image.DUAL, BASE, print)
    docker_images.prepare_router(engine, BASE, print)
    docker("save", "--output", str(tarball), *tags)
    docker("rmi", "--no-prune", *tags)
