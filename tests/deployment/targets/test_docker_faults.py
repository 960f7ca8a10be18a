"""What happens to a deployment on Docker that somebody or something breaks: a defined outcome, and nobody fails."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deployment.errors import ChangeFailedError
from deployment.model import Change, Deployment, Image, Instance, Kind, Side
from deployment.plan import plan
from deployment.targets import mounts
from deployment.targets.docker_engine import Engine
from deployment.targets.docker_target import DockerTarget
from tests.deployment.deployed import CANARY, STABLE, Deployed, start
from tests.deployment.helpers import Clients
from tests.deployment.targets.engines import docker, stranger
from tests.waiting import until

pytestmark = [pytest.mark.fuse, pytest.mark.root, pytest.mark.docker, pytest.mark.timeout(600)]

HALF = Deployment(STABLE, CANARY, 50)


@pytest.fixture(scope="module")
def both(short_root: Path, wheels: Path) -> Iterator[Deployed]:
    """Both sides run, half of the clients on each; a test may break it, and the next one puts it right."""
    deployed = Deployed(short_root / "faults", kind=DockerTarget)
    try:
        deployed.to(HALF)
        yield deployed
    finally:
        assert deployed.target.destroy(print) == ()
        assert (
            docker("ps", "--all", "--quiet", "--filter", f"label=lighthouse-migrate.deployment={_id(deployed)}") == ""
        )
        assert docker("images", "--quiet", Engine(deployed.place.state.resolve()).repository) == ""


def _id(deployed: Deployed) -> str:
    return Engine(deployed.place.state.resolve()).id


def _container(deployed: Deployed, role: str) -> str:
    return Engine(deployed.place.state.resolve()).name(role)


@pytest.mark.parametrize("side", list(Side))
def test_docker_kill_of_either_bridge_fails_no_client_and_is_repaired(both: Deployed, side: Side) -> None:
    killed = both.to(HALF).serving(side)
    assert killed is not None
    with Clients(both.place.router_port) as clients:
        until(lambda: clients.done > 50, 60)
        docker("kill", _container(both, killed.name))  # which Docker takes for an order not to start it again
        until(lambda: (now := both.target.observe().named(killed.name)) is not None and not now.ready)
        seen = both.target.observe().named(killed.name)
        assert seen is not None and "its container is exited: Exited (137)" in seen.detail
        cut_off = list(clients.failed)  # what it was in the middle of saying, nobody else can say
        done = clients.done
        until(lambda: clients.done > done + 50, 60)
        repaired = both.to(HALF)
    assert clients.failed[len(cut_off) :] == []
    assert all("IncompleteRead" in failure for failure in cut_off)
    successor = repaired.serving(side)
    assert successor is not None and successor.ready and successor.generation == killed.generation + 1
    assert (repaired.live or "").startswith("stable-")
    assert (both.place.live / "current").is_dir()
    both.to(HALF)
    until(lambda: both.target.observe().named(killed.name) is None)
    both.set_weight(50)  # any change clears away what ended, its dead mount too
    both.apply(Change(Kind.RETIRE, "nobody-1", "", "drained", ""))
    assert not mounts.below(mounts.table(), both.place.state.resolve() / "instances" / killed.name)


def test_a_removed_container_is_seen_and_replaced(both: Deployed) -> None:
    canary = both.to(HALF).serving(Side.CANARY)
    assert canary is not None
    docker("rm", "--force", _container(both, canary.name))
    seen = both.target.observe()
    now = seen.named(canary.name)
    assert now is not None and not now.ready and now.detail == "its container was removed"
    assert plan(seen, HALF)[0].subject == f"canary-{canary.generation + 1}"
    both.to(HALF)


def test_a_rollback_starts_a_stable_side_whose_container_was_removed(both: Deployed) -> None:
    stable = both.to(replace(HALF, weight=75)).serving(Side.STABLE)
    assert stable is not None
    with Clients(both.place.router_port) as clients:
        until(lambda: clients.done > 50, 60)
        docker("rm", "--force", _container(both, stable.name))
        cut_off = list(clients.failed)  # what it was in the middle of saying, nobody else can say
        began = time.monotonic()
        seen = both.to(Deployment(STABLE, images=frozenset({Image.DUAL})))
        seconds = time.monotonic() - began
    now = seen.serving(Side.STABLE)
    assert now is not None and now.serving == "fusepy" and seen.live == now.name
    assert (clients.failed[len(cut_off) :], seen.weight) == ([], 0)
    assert all("IncompleteRead" in failure for failure in cut_off)
    assert seconds < 10, f"it took {seconds:.1f} s"


def test_a_container_that_is_restarted_by_hand_serves_again(both: Deployed) -> None:
    canary = both.to(HALF).serving(Side.CANARY)
    assert canary is not None
    docker("restart", "--time", "20", _container(both, canary.name))
    until(lambda: (now := both.target.observe().named(canary.name)) is not None and now.ready, 60)
    assert plan(both.target.observe(), HALF) == ()


def test_a_stranger_with_our_name_is_named_and_left_alone(both: Deployed) -> None:
    seen = both.to(HALF)
    name = f"canary-{seen.last[Side.CANARY] + 1}"
    with stranger(_container(both, name)) as theirs:
        with pytest.raises(
            ChangeFailedError, match=f"somebody else's container {theirs[:6]}.* has the name"
        ) as failure:
            both.target.apply(start(name, CANARY), print)
        assert failure.value.hint == f"rename it: docker rename {_container(both, name)} OTHER"
    both.apply(Change(Kind.RETIRE, name, "", "drained", ""))
    assert both.to(HALF).named(name) is None


def test_an_image_that_does_not_start_is_said_so_and_nothing_stays(both: Deployed) -> None:
    seen = both.to(HALF)
    name = f"canary-{seen.last[Side.CANARY] + 1}"
    engine = Engine(both.place.state.resolve())
    docker("tag", engine.tag("router"), engine.tag(Image.FUSE3))  # an image that has no Bridge in it
    try:
        with pytest.raises(ChangeFailedError, match=f"{name} ends as soon as it is started: exit code 1") as failure:
            both.target.apply(start(name, Instance(Image.FUSE3, "pyfuse3")), print)
        assert "docker logs" in failure.value.hint
    finally:
        docker("rmi", engine.tag(Image.FUSE3))
    after = both.target.observe()
    assert after.named(name) is None and len(after.instances) == 2
    assert not (both.place.state / "instances" / name).exists()


def test_the_engine_is_away_and_the_traffic_still_moves(both: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = both.to(HALF)
    with monkeypatch.context() as away:
        away.setenv("DOCKER_HOST", f"unix://{both.place.state}/nobody.sock")
        blind = DockerTarget(both.place)
        still = blind.observe()
        assert [i.ready for i in still.instances] == [True, True]
        assert "the Docker Engine does not answer" in still.notes[0]
        assert (still.images, still.live, still.routes) == (seen.images, seen.live, seen.routes)
        blind.apply(Change(Kind.WEIGHT, "router weight", "", "", "", weight=0), print)
        assert blind.observe().weight == 0
    both.to(HALF)
