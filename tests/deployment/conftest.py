"""Wheels for the images of the deployment's tests, built once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployment.model import Image
from deployment.targets.local_wheels import PREBUILT, gather


@pytest.fixture(scope="session")
def wheels(short_root: Path) -> Iterator[Path]:
    """A folder with every wheel an image needs; building pyfuse3 for each test would take 20 s each time."""
    given = os.environ.get(PREBUILT)
    folder = short_root / "wheels"
    gather(Image.DUAL, folder, print)
    os.environ[PREBUILT] = str(folder)
    yield folder
    if given is None:
        os.environ.pop(PREBUILT, None)
    else:
        os.environ[PREBUILT] = given
