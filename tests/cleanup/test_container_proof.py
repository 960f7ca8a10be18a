"""What a later layer deletes is found in the earlier one, and a container's loader is asked, on a real Engine."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cleanup import restoring
from cleanup.container_proof import is_old_file, no_container, no_layer
from deployment.targets import docker_archive
from deployment.targets.docker_engine import DEPLOYMENT, ROLE, Engine
from deployment.targets.local_layout import Layout
from deployment.targets.target import DockerPlace, Place
from tests.checks.places import place_in

PLANT = "(apt-get update -q && apt-get install -q -y --no-install-recommends libfuse2) > /dev/null"
DELETED = "FROM {base}\nRUN touch /usr/lib/libfuse.so.2.9.9\nRUN rm /usr/lib/libfuse.so.2.9.9\n"


@pytest.mark.parametrize(
    ("path", "old"),
    [
        ("/usr/lib/x86_64-linux-gnu/libfuse.so.2", True),
        ("/usr/lib/libfuse.so.2.9.9", True),
        ("/usr/lib/libfuse3.so.3", False),
        ("/opt/venv/lib/python3.11/site-packages/fuse.py", True),
        ("/opt/venv/lib/python3.11/site-packages/fusepy-3.0.1.dist-info/METADATA", True),
        ("/opt/venv/lib/python3.11/site-packages/pyfuse3-3.5.0.dist-info/METADATA", False),
        ("/opt/venv/lib/python3.11/site-packages/mfusepy-3.0.dist-info/METADATA", False),
        ("/app/dualfuse/fuse.py", False),
    ],
)
def test_which_files_are_of_the_old_library(path: str, old: bool) -> None:
    assert is_old_file(path) is old


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A place whose Engine may be given images, which are taken away afterwards."""
    found = place_in(tmp_path)
    yield found
    engine = Engine(Layout.of(found).state)
    for image in engine.images():
        engine.sdk.images.remove(engine.tag(image), noprune=True)


@pytest.mark.docker
def test_what_a_later_layer_deletes_is_still_in_the_image(place: Place) -> None:
    engine = Engine(Layout.of(place).state)
    assert no_layer(place).holds is True
    dockerfile = DELETED.format(base=DockerPlace().base_image)
    engine.sdk.images.build(fileobj=io.BytesIO(dockerfile.encode()), tag=engine.tag("fuse3"), rm=True)
    claim = no_layer(place)
    assert (claim.holds, claim.detail) == (False, "image fuse3 has /usr/lib/libfuse.so.2.9.9")
    base = engine.sdk.images.get(DockerPlace().base_image)
    base.tag(engine.repository, "fuse3")
    claim = no_layer(place)
    assert (claim.holds, claim.detail) == (True, "images looked into: fuse3")


@pytest.mark.docker
def test_where_no_container_runs_none_knows_the_library(place: Place) -> None:
    claim = no_container(place)
    assert (claim.holds, claim.detail) == (True, "containers asked: none")


@pytest.mark.docker
def test_an_image_that_was_kept_for_the_archive_has_every_layer_and_its_own_id(place: Place) -> None:
    engine = Engine(Layout.of(place).state)
    base = engine.sdk.images.get(DockerPlace().base_image)
    base.tag(engine.repository, "dual")
    said: list[str] = []
    (kept,) = docker_archive.keep(place, said.append)
    assert kept.name == "dual.tar"
    assert said[0].startswith(f"kept image dual in {kept} (")
    assert restoring.images([kept]) == []
    assert f"sha256:{restoring.digest(kept)}" == base.id == docker_archive.image_ids(place)["dual"]
    assert docker_archive.sizes(place)["dual"] == base.attrs["Size"]
    assert docker_archive.keep(place, said.append) == (kept,)  # it is saved once
    assert len(said) == 1


@pytest.mark.docker
@pytest.mark.parametrize(("planted", "holds"), [("true", True), (PLANT, False)])
def test_the_loader_of_a_running_container_is_asked(place: Place, planted: str, holds: bool) -> None:
    engine = Engine(Layout.of(place).state)
    labels = {DEPLOYMENT: engine.id, ROLE: "canary-1"}
    command = ["sh", "-c", f"{planted}; ldconfig; touch /ready; exec sleep 120"]
    made = engine.sdk.containers.run(DockerPlace().base_image, command, detach=True, labels=labels, network_mode="host")
    try:
        deadline = time.monotonic() + 90
        while made.exec_run(["test", "-e", "/ready"]).exit_code != 0:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        claim = no_container(place)
    finally:
        made.remove(force=True)
    told = "containers asked: canary-1" if holds else "`ldconfig -p` in canary-1 lists it"
    assert (claim.holds, claim.detail) == (holds, told)
