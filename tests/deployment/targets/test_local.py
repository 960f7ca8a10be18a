"""The local target end to end: real Bridges on real mounts behind a real router."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployment.model import Change, Deployment, Image, Kind, Side
from deployment.targets import mounts, processes
from deployment.targets.local_images import BUILDING
from deployment.targets.local_observe import BRIDGE
from tests.deployment.deployed import CANARY, STABLE, Deployed, start
from tests.waiting import until

pytestmark = [pytest.mark.fuse, pytest.mark.haproxy]

NOBODY = 65534
AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=-all")
SUPERVISORD = "supervisor.supervisord"
ROOT = os.geteuid() == 0


@pytest.fixture(scope="module")
def both(short_root: Path, wheels: Path) -> Iterator[Deployed]:
    """Both sides run, half of the clients on each; each test leaves it so."""
    deployed = Deployed(short_root / "both")
    try:
        deployed.to(Deployment(STABLE, CANARY, 50))
        yield deployed
    finally:
        assert deployed.target.destroy(print) == ()


@pytest.fixture
def alone(short_tmp: Path, wheels: Path) -> Iterator[Deployed]:
    """Nothing yet; what a test makes is taken away."""
    deployed = Deployed(short_tmp)
    try:
        yield deployed
    finally:
        assert deployed.target.destroy(print) == ()


@pytest.mark.skipif(not ROOT, reason="already an ordinary user: the walk above is this one")
def test_an_ordinary_user_walks_the_same_way(short_tmp: Path, wheels: Path) -> None:
    home = short_tmp / "home"
    home.mkdir()
    python = _python_for_everybody(home)
    os.chown(home, NOBODY, NOBODY)
    wheels.chmod(0o755)
    done = subprocess.run(
        [*AS_NOBODY, str(python), "-m", "tests.deployment.deployed", str(home)],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "HOME": str(home), "TMPDIR": str(home)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["failed"] == []
    assert (seen["left"], seen["state"], seen["live"]) == ([], [], False)


def test_bridges_outlive_their_supervisor_and_are_not_doubled(both: Deployed) -> None:
    before = {i.name: i.pid for i in both.target.observe().instances}
    folder = both.place.state / "supervisor"
    supervisor = processes.working_in([folder], SUPERVISORD)[folder]
    assert processes.send(supervisor, signal.SIGKILL, SUPERVISORD)
    until(lambda: not processes.working_in([folder], SUPERVISORD))
    seen = both.target.observe()
    assert all(i.ready for i in seen.instances) and len(seen.instances) == 2
    assert "supervisord does not run" in seen.notes[0]
    assert both.serves()
    seen = both.set_weight(40)  # whatever is applied starts it again
    assert sorted(seen.notes) == sorted(
        f"{name} runs without supervision: it is not started again if it dies" for name in before
    )
    for instance in seen.instances:  # what runs is not started a second time
        both.apply(start(instance.name, CANARY if instance.side is Side.CANARY else STABLE))
    assert {i.name: i.pid for i in both.target.observe().instances} == before
    # an instance the new supervisord has not started is retired all the same
    name = next(i.name for i in seen.instances if i.side is Side.CANARY)
    both.set_weight(0)
    both.retire(name)
    until(lambda: both.target.observe().named(name) is None)
    both.to(Deployment(STABLE, CANARY, 50))


def test_an_interrupted_build_is_not_an_image(alone: Deployed) -> None:
    half = alone.place.state / "images" / "fuse2"
    (half / "bin").mkdir(parents=True)
    (alone.place.state / "images" / ".fuse2.building").mkdir()
    assert alone.target.observe().images == frozenset()
    seen = alone.apply(Change(Kind.PREPARE, "image fuse2", "", "", "", image=Image.FUSE2))
    assert seen.images == {Image.FUSE2}
    done = alone.target.run(["-c", "import fuse, bridge, dualfuse"], Image.FUSE2, 20)
    assert done.returncode == 0, done.stderr
    absent = alone.target.run(["-c", "import pyfuse3"], Image.FUSE2, 20)
    assert "No module named 'pyfuse3'" in absent.stderr


def test_a_deployment_that_is_half_gone_can_be_destroyed(alone: Deployed) -> None:
    seen = alone.to(Deployment(STABLE))
    (bridge,) = seen.instances
    assert bridge.pid is not None
    folder = alone.place.state / "supervisor"
    processes.send(processes.working_in([folder], SUPERVISORD)[folder], signal.SIGKILL, "supervisor")
    processes.send(bridge.pid, signal.SIGKILL, BRIDGE)
    (alone.place.state / "images" / "dual" / "image.json").unlink()
    assert alone.target.destroy(print) == ()
    assert mounts.below(mounts.table(), alone.place.state) == ()
    assert mounts.at(mounts.table(), alone.place.live) is None
    assert alone.target.destroy(print) == ()


@pytest.mark.skipif(not ROOT, reason="an ordinary user's stable path is a link")
def test_a_stable_path_whose_instance_took_its_own_mount_off_is_still_known_as_ours(alone: Deployed) -> None:
    (bridge,) = alone.to(Deployment(STABLE)).instances
    assert bridge.pid is not None
    folder = alone.place.state / "supervisor"
    processes.send(processes.working_in([folder], SUPERVISORD)[folder], signal.SIGKILL, SUPERVISORD)
    processes.send(bridge.pid, signal.SIGKILL, BRIDGE)
    until(lambda: mounts.below(mounts.table(), alone.place.state) == ())
    assert mounts.at(mounts.table(), alone.place.live) is not None
    assert alone.target.destroy(print) == ()
    assert mounts.at(mounts.table(), alone.place.live) is None


def test_a_deployment_whose_supervisor_hangs_can_be_destroyed(short_tmp: Path, wheels: Path) -> None:
    hung = Deployed(short_tmp, drain_seconds=0.5)
    hung.to(Deployment(STABLE))
    folder = hung.place.state / "supervisor"
    supervisor = processes.working_in([folder], SUPERVISORD)[folder]
    assert processes.send(supervisor, signal.SIGSTOP, SUPERVISORD)
    assert hung.target.destroy(print) == ()
    assert not processes.alive(supervisor, SUPERVISORD)
    assert not (hung.place.state / "instances").exists()
    assert mounts.below(mounts.table(), hung.place.state) == ()


def test_a_folder_that_somebody_still_writes_into_is_deleted_all_the_same(
    alone: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    building = alone.place.state / "images" / ".dual.building"
    building.mkdir(parents=True)
    races = iter((errno.ENOTEMPTY, errno.ENOENT))  # a compiler whose parent was killed writes its last file
    delete = shutil.rmtree

    def race(folder: Path) -> None:
        if code := next(races, None):
            raise OSError(code, os.strerror(code), str(building))
        delete(folder)

    monkeypatch.setattr(shutil, "rmtree", race)
    assert alone.target.destroy(print) == ()
    assert next(races, None) is None
    assert not building.exists()


def test_a_build_that_nobody_waits_for_is_ended(alone: Deployed) -> None:
    writes = "for n in range(10**6): open(f'images/{n}', 'w').close()"
    (alone.place.state / "images").mkdir(parents=True)
    orphan = [sys.executable, "-c", writes, BUILDING]
    with subprocess.Popen(orphan, cwd=alone.place.state, stderr=subprocess.DEVNULL) as build:
        try:
            until(lambda: (alone.place.state / "images" / "9").exists())
            assert alone.target.destroy(print) == ()
            assert build.wait(10) == -signal.SIGKILL
        finally:
            build.kill()
    assert not (alone.place.state / "images").exists()


def test_what_cannot_be_deleted_is_named_with_the_reason(alone: Deployed) -> None:
    file = alone.place.state / "images"
    file.parent.mkdir(parents=True)
    file.write_text("somebody's own file in our place")
    assert alone.target.destroy(print) == (f"folder {file} (Not a directory)",)
    file.unlink()


def test_a_deployment_that_hangs_can_be_destroyed(short_tmp: Path, wheels: Path) -> None:
    hung = Deployed(short_tmp, drain_seconds=0.5)
    seen = hung.to(Deployment(STABLE))
    processes_of_it = processes.running_from(hung.place.state / "images")
    assert seen.instances[0].pid in processes_of_it
    for pid, program in processes_of_it.items():
        assert processes.send(pid, signal.SIGSTOP, program)
    assert hung.target.destroy(print) == ()
    assert not any(processes.alive(pid, program) for pid, program in processes_of_it.items())
    assert mounts.below(mounts.table(), hung.place.state) == ()
    assert mounts.at(mounts.table(), hung.place.live) is None


def _python_for_everybody(folder: Path) -> Path:
    """Make an environment in which another user has what this one has: root's interpreter may be out of his reach."""
    candidates = [Path(sys.executable).resolve(), Path(f"/usr/bin/python3.{sys.version_info.minor}")]
    for python in candidates:
        # through a shell: setpriv itself may still reach what the user cannot
        asked = [*AS_NOBODY, "/bin/sh", "-c", 'exec "$0" -c ""', str(python)]
        if subprocess.run(asked, check=False, capture_output=True).returncode == 0:
            break
    else:
        pytest.fail(f"no interpreter that user {NOBODY} may run among {candidates}")
    import uv

    subprocess.run([uv.find_uv_bin(), "venv", "-q", "--no-project", "--python", python, folder / "venv"], check=True)
    packages = folder / "venv" / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    ours = [str(p) for p in sys.path if p.endswith("site-packages")]
    (packages / "ours.pth").write_text("\n".join([*ours, str(Path(__file__).parents[3])]) + "\n")
    return folder / "venv" / "bin" / "python"
