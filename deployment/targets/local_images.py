"""Images of the local target: virtual environments with the Bridge in them and exactly the backends of the image."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from deployment.errors import ChangeFailedError
from deployment.kit import PACKAGES, package_folder
from deployment.model import Image
from deployment.targets import local_wheels
from deployment.targets.local_layout import Layout
from deployment.targets.target import Say

#: Tells a build from whatever else works in the state folder.
BUILDING = "--no-config"


def prepare(layout: Layout, image: Image, say: Say) -> None:
    """Build an image; one that is complete is left alone.

    It is built beside its place and renamed when it is done, so that a build that was killed leaves no half image.

    Raises:
        ChangeFailedError: A package cannot be had or installed.
    """
    if image in layout.present():
        return
    started = time.monotonic()
    layout.images.mkdir(parents=True, exist_ok=True)
    beside = layout.images / f".{image}.building"
    _remove(beside)
    local_wheels.gather(image, layout.wheels, say)
    say(f"installing image {image}")
    pins = local_wheels.pins(image)
    # the same interpreter as the tool's, without what the tool itself needs
    _uv(layout.state, "venv", "--no-project", "--relocatable", "--python", sys.executable, str(beside))
    python = beside / "bin" / "python"
    # uv reads some characters of a path as its own, so it works in the state folder and is given names only
    house = ("--offline", "--no-index", "--find-links", layout.wheels.name)
    _uv(layout.state, "pip", "install", *house, "--no-deps", "--compile-bytecode", "--python", str(python), *pins)
    packages = _site_packages(beside)
    for package in PACKAGES:
        shutil.copytree(package_folder(package), packages / package, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run([python, "-m", "compileall", "-q", *(packages / package for package in PACKAGES)], check=False)
    note = {"image": image, "python": sys.version.split()[0], "packages": pins, "seconds": time.monotonic() - started}
    (beside / "image.json").write_text(json.dumps(note, indent=1) + "\n", "utf-8")
    _remove(layout.image(image))  # whatever lies there has no note, so it is half of something
    beside.rename(layout.image(image))


def remove(layout: Layout, image: Image) -> None:
    """Remove an image; one that is not there is fine."""
    if not layout.image(image).exists():
        return
    beside = layout.images / f".{image}.removing"
    _remove(beside)
    layout.image(image).rename(beside)
    _remove(beside)


def _uv(folder: Path, *arguments: str) -> None:
    from uv import find_uv_bin

    clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON") and k != "VIRTUAL_ENV"}
    done = subprocess.run(
        [find_uv_bin(), "--quiet", BUILDING, *arguments],
        cwd=folder,
        env=clean,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ChangeFailedError(
            f"uv {arguments[0]} failed: {' '.join(done.stderr.split())[-400:]}",
            "remove the `wheels` folder in the state folder to fetch the packages again",
        )


def _site_packages(environment: Path) -> Path:
    return environment / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
