"""What an archive keeps of the Docker target: its images with fusepy, each as a tar."""

from __future__ import annotations

import json
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from deployment.errors import ChangeFailedError, OperatorError
from deployment.model import Image, Side
from deployment.targets import docker_images
from deployment.targets.docker_engine import Engine, talking
from deployment.targets.local_layout import Layout
from deployment.targets.target import Place, Say

WITH_FUSEPY = (Image.FUSE2, Image.DUAL)


def keep(place: Place, say: Say) -> tuple[Path, ...]:
    """Save every image with fusepy that is there and not kept yet, and return all that are kept.

    Raises:
        ChangeFailedError: An image cannot be saved.
        UnreachableError: The Engine does not answer.
    """
    layout = Layout.of(place)
    engine = Engine(layout.state)
    found = [docker_images.keep(layout, engine, image, say) for image in WITH_FUSEPY]
    return tuple(path for path in found if path is not None)


def sizes(place: Place) -> dict[str, int]:
    """Return the bytes of each image that is there, by its name; empty where the Engine does not answer."""
    engine = Engine(Layout.of(place).state)
    try:
        return {i: docker_images.size(engine, i) for i in engine.images() if i in tuple(Image)}
    except OperatorError:
        return {}


def image_ids(place: Place) -> dict[str, str]:
    """Return the id of every image of ours that is there, by its name.

    Raises:
        UnreachableError: The Engine does not answer.
    """
    engine = Engine(Layout.of(place).state)
    with talking("list the images"):
        return {i: str(engine.sdk.images.get(engine.tag(i)).id) for i in engine.images() if i in tuple(Image)}


def files_in_layers(place: Place, image: str) -> Iterator[str]:
    """Yield the path of every file in every layer of an image, also of those that a later layer deletes.

    Raises:
        UnreachableError: The Engine does not answer.
    """
    engine = Engine(Layout.of(place).state)
    with talking(f"read image {image}"), tempfile.TemporaryFile() as saved:
        for piece in engine.sdk.images.get(engine.tag(image)).save():
            saved.write(piece)
        saved.seek(0)
        with tarfile.open(fileobj=saved) as whole:
            for layer in json.load(_member(whole, "manifest.json"))[0]["Layers"]:
                with tarfile.open(fileobj=_member(whole, layer)) as files:
                    yield from (f"/{member.name}" for member in files)


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    found = tar.extractfile(name)
    if found is None:
        raise ChangeFailedError(f"the Engine saved an image without {name}", "`docker version` says which Engine it is")
    return found


def in_running(place: Place, command: list[str]) -> dict[str, tuple[int, str]]:
    """Run a command in every container of a Bridge that runs, and return its exit code and output, by instance.

    Raises:
        UnreachableError: The Engine does not answer.
    """
    engine = Engine(Layout.of(place).state)
    found = {}
    for container in engine.containers():
        if container.runs and container.role.partition("-")[0] in tuple(Side):
            with talking(f"run {command[0]} in {container.name}"):
                done = engine.sdk.containers.get(container.id).exec_run(command, user="0")
            found[container.role] = (int(done.exit_code), done.output.decode("utf-8", "replace"))
    return found
