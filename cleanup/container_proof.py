"""Looks for the old library in the layers of every image, and inside every container that runs."""

from __future__ import annotations

from functools import cache

from cleanup import names
from cleanup.claim import LIBRARY, Claim
from deployment.errors import OperatorError
from deployment.targets import docker_archive
from deployment.targets.target import Place


def claims(place: Place) -> tuple[Claim, ...]:
    """Return both claims; what cannot be looked into is unknown."""
    return no_layer(place), no_container(place)


def no_layer(place: Place) -> Claim:
    """Read the names of all files in all layers of our images: what a later one deletes is still in an earlier one."""
    claim = f"no image layer has {LIBRARY} or fusepy"
    try:
        ids = docker_archive.image_ids(place)
        for image, digest in sorted(ids.items()):
            found = _old_file(place, image, digest)
            if found:
                return Claim(claim, False, f"image {image} has {found}")
    except OperatorError as error:
        return Claim(claim, None, error.message)
    return Claim(claim, True, f"images looked into: {', '.join(sorted(ids)) or 'none'}")


@cache
def _old_file(place: Place, image: str, _digest: str) -> str | None:
    """Return the first file of the old backend in an image; an image of the same digest is read once."""
    return next((path for path in docker_archive.files_in_layers(place, image) if is_old_file(path)), None)


def is_old_file(path: str) -> bool:
    """Return whether a file of a root file system belongs to the old library or to a package that binds it."""
    parts = path.split("/")
    if parts[-1].startswith(LIBRARY) or (parts[-1] == "fuse.py" and parts[-2:-1] == ["site-packages"]):
        return True
    about = [part for part in parts if part.endswith((".dist-info", ".egg-info"))]
    return any(part.split("-")[0].lower().replace("_", "-") in names.PYTHON_PACKAGES for part in about)


def no_container(place: Place) -> Claim:
    """Ask the loader of every running container of ours which libraries it knows."""
    claim = f"no running container knows {LIBRARY}"
    try:
        answers = docker_archive.in_running(place, ["ldconfig", "-p"])
    except OperatorError as error:
        return Claim(claim, None, error.message)
    for name, (code, said) in sorted(answers.items()):
        if code != 0:
            return Claim(claim, None, f"`ldconfig -p` in {name} ended with {code}")
        if LIBRARY in said:
            return Claim(claim, False, f"`ldconfig -p` in {name} lists it")
    return Claim(claim, True, f"containers asked: {', '.join(sorted(answers)) or 'none'}")
