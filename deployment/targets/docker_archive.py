"""What an archive keeps of the Docker target: its images with fusepy, each as a tar."""

from __future__ import annotations

from pathlib import Path

from deployment.model import Image
from deployment.targets import docker_images
from deployment.targets.docker_engine import Engine
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


def give_back(place: Place, kept: Path) -> Path:
    """Return where a kept image must lie for the target to load it when it is needed."""
    return Layout.of(place).images / kept.name


def sizes(place: Place) -> dict[str, int]:
    """Return the bytes of each image that is there, by its name; empty where the Engine does not answer."""
    from deployment.errors import OperatorError

    engine = Engine(Layout.of(place).state)
    try:
        return {i: docker_images.size(engine, i) for i in engine.images() if i in tuple(Image)}
    except OperatorError:
        return {}
