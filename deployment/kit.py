"""The deployment kit: every file that a project or a build context needs to run the Bridge in containers.

What is written by hand, or generated from the weeks' thresholds, lies in `kit/`. The lists of packages, the router's
configuration and the Bridge itself are taken from where the local target takes them too, so that there is one of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from string import Template

from deployment.errors import OperatorError

BUILD = (
    "Dockerfile.dual-fuse",
    "requirements/fusepy.apt",
    "requirements/pyfuse3.apt",
    "scripts/docker/start-bridge-dual-fuse.sh",
    "scripts/docker/test-image.py",
    "scripts/docker/validate-fuse-backend.py",
)
RUN = (
    "Dockerfile.dual-fuse.dockerignore",
    "docker-compose.dual-fuse.yml",
    "grafana/dashboards/comparison.json",
    "grafana/dashboards/health.json",
    "grafana/dashboards/performance.json",
    "grafana/provisioning/dashboards/lighthouse.yml",
    "grafana/provisioning/datasources/prometheus.yml",
    "prometheus/prometheus.yml",
    "prometheus/rules.yml",
    "scripts/docker/prepare-host.sh",
    "security/seccomp-fuse.json",
)
# what the walk itself changes: only a first copy is given
STATE = ("config/primary/bridge.env", "config/shadow/bridge.env", "haproxy/weight.map")
# where the services look for their workflows, and where those lie here
WORKFLOWS = {".github/workflows/dual-fuse.yml": "ci/github.yml", ".gitlab/ci/dual-fuse.yml": "ci/gitlab.yml"}
# the lists of the local target, under the names of the backends they install
REQUIREMENTS = {"common.txt": "common.txt", "fuse2.txt": "fusepy.txt", "fuse3.txt": "pyfuse3.txt"}
PACKAGES = ("bridge", "dualfuse")

# HAProxy in a container knows the Bridges by name, also those that are not there yet
BY_NAME = """
resolvers docker
    nameserver dns 127.0.0.11:53
    hold valid 1s
    hold nx 1s
"""


@dataclass(frozen=True, slots=True)
class Artefact:
    """One file of the kit."""

    path: str  # relative to the project
    data: bytes
    changes: bool = False  # the walk changes it, so one that is there already is left as it is

    @property
    def mode(self) -> int:
        """The file's mode: scripts can be started."""
        return 0o755 if self.path.endswith(".sh") else 0o644


def everything() -> tuple[Artefact, ...]:
    """Return the whole kit, as a project keeps it."""
    run = [_written(path) for path in RUN]
    state = [Artefact(path, _kept(path), changes=True) for path in STATE]
    workflows = [Artefact(path, _kept(source)) for path, source in WORKFLOWS.items()]
    router = Artefact("haproxy/haproxy.cfg", router_configuration().encode())
    return tuple(sorted((*build_context(), *run, *state, *workflows, router), key=lambda a: a.path))


def build_context() -> tuple[Artefact, ...]:
    """Return what an image is built from: the Dockerfile and everything it copies, `wheels` excepted."""
    return (*(_written(path) for path in BUILD), *_requirements(), *_app())


def router_configuration() -> str:
    """Return HAProxy's configuration for the compose file: the local target's, with names instead of addresses."""
    template = Template((files("deployment") / "haproxy.cfg").read_text("utf-8"))
    return (
        BY_NAME.lstrip()
        + "\n"
        + template.substitute(
            bind="*:8765",
            names=" init-addr none resolvers docker",
            stable="primary:8765",
            canary="shadow:8765",
            canary_weight=0,
            stable_state="",
            canary_state="",
        )
    )


def package_folder(package: str) -> Path:
    """Return the folder of a package without importing it: the tool never runs what a Bridge runs."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise OperatorError(f"there is no package {package} beside this tool", "install lighthouse-migrate again")
    return Path(spec.submodule_search_locations[0])


def _written(path: str) -> Artefact:
    return Artefact(path, _kept(path))


def _kept(path: str) -> bytes:
    return (files("kit") / path).read_bytes()


def _requirements() -> Iterator[Artefact]:
    for source, name in REQUIREMENTS.items():
        yield Artefact(f"requirements/{name}", (files("deployment") / "requirements" / source).read_bytes())


def _app() -> Iterator[Artefact]:
    for package in PACKAGES:
        root = package_folder(package)
        for file in sorted(root.rglob("*")):
            if file.is_dir() or "__pycache__" in file.parts:
                continue
            yield Artefact(f"app/{package}/{file.relative_to(root).as_posix()}", file.read_bytes())
