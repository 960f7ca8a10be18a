"""The deployment kit: every file that a project or a build context needs to run the Bridge in containers.

What is written by hand lies in `kit/`. The lists of packages and the Bridge itself are taken from where the local
target takes them too, so that there is one of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from deployment.errors import OperatorError

BUILD = (
    "Dockerfile.dual-fuse",
    "requirements/fusepy.apt",
    "requirements/pyfuse3.apt",
    "scripts/docker/start-bridge-dual-fuse.sh",
    "scripts/docker/test-image.py",
    "scripts/docker/validate-fuse-backend.py",
)
# the lists of the local target, under the names of the backends they install
REQUIREMENTS = {"common.txt": "common.txt", "fuse2.txt": "fusepy.txt", "fuse3.txt": "pyfuse3.txt"}
PACKAGES = ("bridge", "dualfuse")


@dataclass(frozen=True, slots=True)
class Artefact:
    """One file of the kit."""

    path: str  # relative to the project
    data: bytes

    @property
    def mode(self) -> int:
        """The file's mode: scripts can be started."""
        return 0o755 if self.path.endswith(".sh") else 0o644


def build_context() -> tuple[Artefact, ...]:
    """Return what an image is built from: the Dockerfile and everything it copies, `wheels` excepted."""
    return (*(_written(path) for path in BUILD), *_requirements(), *_app())


def _written(path: str) -> Artefact:
    return Artefact(path, (files("kit") / path).read_bytes())


def _requirements() -> Iterator[Artefact]:
    for source, name in REQUIREMENTS.items():
        yield Artefact(f"requirements/{name}", (files("deployment") / "requirements" / source).read_bytes())


def _app() -> Iterator[Artefact]:
    for package in PACKAGES:
        root = _source(package)
        for file in sorted(root.rglob("*.py")):
            yield Artefact(f"app/{package}/{file.relative_to(root).as_posix()}", file.read_bytes())


def _source(package: str) -> Path:
    """Return the folder of a package without importing it: the tool never runs what a Bridge runs."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise OperatorError(
            f"the package {package} is not installed beside this tool", "install lighthouse-migrate again"
        )
    return Path(spec.submodule_search_locations[0])
