"""What a later layer deletes is found in the earlier one, and a container's loader is asked, on a real Engine."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from cleanup.container_proof import is_old_file, no_container, no_layer
from deployment.targets.docker_engine import Engine
from deployment.targets.local_layout import Layout
from deployment.targets.target import DockerPlace, Place
from tests.checks.places import place_in

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
