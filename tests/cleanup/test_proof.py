"""After the purge: what still knows the old backend is found wherever it is, and what cannot be known is said."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from cleanup.plan import actions
from cleanup.proof import deployment_pids, no_distribution, no_mount, no_process, no_trace, prove
from deployment.model import Image, InstanceState, Observation, Side
from deployment.targets import mounts
from deployment.targets.target import Completed
from tests.checks.places import REPOSITORY, HostTarget, place_in
from tests.cleanup import projects

LOADS = "import ctypes, sys; ctypes.CDLL(sys.argv[1]); print('ready', flush=True); sys.stdin.read()"


@contextmanager
def loading(library: str, folder: Path) -> Iterator[int]:
    """Run a process that works in a folder and has a library mapped."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", LOADS, library]
    child = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == b"ready\n"
        yield child.pid
    finally:
        child.stdin.close()
        child.stdout.close()
        child.wait(10)


def state(name: str, serving: str | None, pid: int | None = None) -> InstanceState:
    return InstanceState(name, Side.CANARY, 1, Image.FUSE3, {}, serving, True, pid=pid)


@pytest.mark.fuse
def test_a_process_that_maps_libfuse2_is_found_among_the_deployment_s(tmp_path: Path) -> None:
    place = place_in(tmp_path)
    with loading("libfuse.so.2", place.state / "instances") as pid, loading("libfuse.so.2", tmp_path / "elsewhere"):
        pids = deployment_pids(Observation(), place)
        assert pids == {pid}
        claim = no_process(pids)
        assert claim.holds is False
        assert claim.detail.startswith(f"pid {pid} does:")
    assert no_process(deployment_pids(Observation(), place)).holds is True


@pytest.mark.fuse
def test_a_process_that_maps_libfuse3_alone_is_fine(tmp_path: Path) -> None:
    with loading("libfuse3.so.3", tmp_path) as pid:
        claim = no_process(
            deployment_pids(Observation(instances=(state("canary-1", "pyfuse3", pid),)), place_in(tmp_path))
        )
    assert (claim.holds, claim.detail) == (True, "1 processes looked at")


@pytest.mark.root
def test_a_process_that_may_not_be_read_is_not_called_clean() -> None:
    code = (
        "import os, sys; from cleanup.proof import no_process; os.setgid(65534); os.setuid(65534)\n"
        "claim = no_process(frozenset({os.getppid()})); print(claim.holds, claim.detail)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("None pid ")


@pytest.mark.fuse
def test_every_mount_must_be_one_of_a_bridge_that_serves_pyfuse3(short_tmp: Path) -> None:
    place = place_in(short_tmp)
    path = place.state / "instances" / "canary-1" / "mnt"
    path.mkdir(parents=True)
    command = [
        sys.executable,
        "-m",
        "dualfuse",
        "mount",
        "dualfuse.samples.memory:Memory",
        str(path),
        "--backend",
        "pyfuse3",
    ]
    assert no_mount(Observation(), place).holds is True
    server = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while mounts.at(mounts.table(), path) is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        serves = {
            b: no_mount(Observation(instances=(state("canary-1", b),)), place).holds for b in ("pyfuse3", "fusepy")
        }
        unknown = no_mount(Observation(), place)
    finally:
        server.terminate()
        server.wait(20)
    assert serves == {"pyfuse3": True, "fusepy": False}
    assert (unknown.holds, unknown.detail) == (None, f"{path} is served by nobody known")


@dataclass
class Environment(HostTarget):
    """A target whose images are one virtual environment."""

    python: Path = Path(sys.executable)

    def run(self, argv: object, image: Image, timeout: float) -> Completed:
        assert isinstance(argv, list)
        done = subprocess.run([self.python, *argv], capture_output=True, text=True, timeout=timeout)
        return Completed(done.returncode, done.stdout, done.stderr)


def test_a_distribution_of_the_old_backend_is_found_in_an_image(tmp_path: Path) -> None:
    observed = Observation(images=frozenset({Image.FUSE3}))
    subprocess.run([sys.executable, "-m", "uv", "venv", "--quiet", "--offline", str(tmp_path / "image")], check=True)
    python = tmp_path / "image" / "bin" / "python"
    assert no_distribution(Environment(observed, python=python), observed).holds is True
    site = next((tmp_path / "image").glob("lib/python*/site-packages"))
    (site / "fusepy-3.0.1.dist-info").mkdir()
    (site / "fusepy-3.0.1.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: fusepy\nVersion: 3.0.1\n")
    claim = no_distribution(Environment(observed, python=python), observed)
    assert (claim.holds, claim.detail) == (False, "image fuse3 has fusepy")
    broken = no_distribution(Environment(observed, python=Path("/bin/false")), observed)
    assert broken.holds is None


def test_a_project_is_proved_on_its_branch(tmp_path: Path) -> None:
    project = projects.make(tmp_path / "p")
    assert no_trace(project).holds is False
    for action in actions(project):
        action.apply(lambda line: None)
    claim = no_trace(project)
    assert claim.holds is True
    assert claim.detail == "3 mentions are left to you, in README.md, docs/history.md, src/lighthouse/files.py"


def test_the_proof_makes_every_claim(tmp_path: Path) -> None:
    project = projects.make(tmp_path / "p", {"README.md": "pyfuse3\n"})
    target = HostTarget(replace(Observation(), images=frozenset()))
    claims = prove(target, place_in(tmp_path), project)
    assert [claim.holds for claim in claims] == [True] * 4
    assert [claim.claim for claim in claims] == [
        "nothing in the project knows fusepy",
        "no process maps libfuse.so.2",
        "no fusepy mount exists",
        "no image has fusepy installed",
    ]
