"""The local target end to end: real Bridges on real mounts behind a real router."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deployment.errors import ChangeFailedError, UnreachableError
from deployment.model import Change, Deployment, Image, Instance, Kind, Side
from deployment.targets import mounts, processes
from deployment.targets.local_observe import BRIDGE
from tests.deployment.deployed import CANARY, STABLE, Deployed, walk
from tests.deployment.helpers import Clients, until

pytestmark = [pytest.mark.fuse, pytest.mark.haproxy]

NOBODY = 65534
AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=-all")
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


def start(name: str, side: Side, instance: Instance) -> Change:
    return Change(Kind.START, name, "absent", "", "", instance=instance, side=side)


def test_the_walk_fails_nobody_and_leaves_nothing(short_tmp: Path, wheels: Path) -> None:
    # a path that no Unix socket could have, with characters that configuration files take for their own
    folder = short_tmp / ("long " * 20) / "with # and ; and %d"
    folder.mkdir(parents=True)
    seen = walk(folder)
    assert seen["failed"] == []
    assert seen["done"] > 100
    assert (seen["left"], seen["state"], seen["live"]) == ((), [], False)


@pytest.mark.skipif(not ROOT, reason="already an ordinary user: the walk above is this one")
def test_an_ordinary_user_walks_the_same_way(short_tmp: Path, wheels: Path) -> None:
    home = short_tmp / "home"
    home.mkdir()
    python = _python_for_everybody(home)
    os.chown(home, NOBODY, NOBODY)
    wheels.chmod(0o755)
    done = subprocess.run(
        [*AS_NOBODY, str(python), "-m", "tests.deployment.deployed", str(home)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "HOME": str(home), "TMPDIR": str(home)},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["failed"] == []
    assert (seen["left"], seen["state"], seen["live"]) == ([], [], False)


def test_a_killed_bridge_comes_back_and_fails_no_client(both: Deployed) -> None:
    before = both.target.observe().serving(Side.CANARY)
    assert before is not None and before.pid is not None
    with Clients(both.place.router_port) as clients:
        until(lambda: clients.done > 100)
        assert processes.send(before.pid, signal.SIGKILL, BRIDGE)

        def back() -> bool:
            now = both.target.observe().serving(Side.CANARY)
            return now is not None and now.ready and now.pid != before.pid

        until(back, 20)
        seen = clients.done
        until(lambda: clients.done > seen + 100)
    assert clients.failed == []


def test_a_killed_router_comes_back_with_its_routes_and_weight(both: Deployed) -> None:
    before = both.target.observe()
    folder = both.place.state / "haproxy"
    pid = processes.working_in([folder], "haproxy.cfg")[folder]
    assert processes.send(pid, signal.SIGKILL, "haproxy.cfg")
    until(lambda: processes.working_in([folder], "haproxy.cfg").get(folder) not in (None, pid), 20)
    until(lambda: both.target.observe().router, 20)
    after = both.target.observe()
    assert (after.weight, after.routes) == (before.weight, before.routes)
    until(lambda: request_passes(both))


def test_a_busy_port_is_named_and_nothing_is_left(both: Deployed) -> None:
    generation = both.target.observe().last[Side.CANARY] + 1
    port = both.place.canary_ports[(generation - 1) % 2]
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind(("127.0.0.1", port))
        stranger.listen()
        with pytest.raises(ChangeFailedError, match=rf"port {port} is taken by pid {os.getpid()}"):
            both.target.apply(start(f"canary-{generation}", Side.CANARY, CANARY), print)
    assert len(both.target.observe().instances) == 2
    assert not (both.place.state / "instances" / f"canary-{generation}").exists()


def test_what_cannot_start_leaves_nothing_and_says_why(both: Deployed) -> None:
    generation = both.target.observe().last[Side.CANARY] + 1
    name = f"canary-{generation}"
    with pytest.raises(ChangeFailedError, match=name) as failure:
        both.target.apply(start(name, Side.CANARY, Instance(Image.DUAL, "nonsense")), print)
    assert "nonsense" in failure.value.message
    seen = both.target.observe()
    assert seen.named(name) is None and len(seen.instances) == 2
    assert request_passes(both)


def test_the_stable_path_follows_an_instance_that_changes_its_backend(both: Deployed) -> None:
    seen = both.target.observe()
    stable = seen.serving(Side.STABLE)
    assert stable is not None and seen.live == stable.name
    held = (both.place.live / "current" / "held").open("w")
    with held:
        for backend in ("pyfuse3", "fusepy"):
            wanted = Instance(Image.DUAL, backend, "fusepy" if backend == "pyfuse3" else "pyfuse3")
            seen = both.apply(Change(Kind.CONFIGURE, stable.name, "", "", "", instance=wanted, side=Side.STABLE))
            assert seen.live == stable.name
            now = seen.named(stable.name)
            assert now is not None and now.serving == backend
            (both.place.live / "current" / "after").write_text(backend)
        held.write("still mine")


def test_settings_that_cannot_be_taken_are_put_back(both: Deployed) -> None:
    stable = both.target.observe().serving(Side.STABLE)
    assert stable is not None
    wanted = Instance(Image.DUAL, "nonsense", None)
    with pytest.raises(ChangeFailedError, match="does not take its new settings"):
        both.target.apply(Change(Kind.CONFIGURE, stable.name, "", "", "", instance=wanted, side=Side.STABLE), print)
    until(lambda: (now := both.target.observe().named(stable.name)) is not None and now.ready)
    now = both.target.observe().named(stable.name)
    assert now is not None and now.told["LIGHTHOUSE_FUSE_BACKEND"] == "fusepy"
    assert both.to(Deployment(STABLE, CANARY, 50)).live == stable.name


def test_an_instance_with_an_open_file_drains_until_it_is_closed(both: Deployed) -> None:
    both.to(Deployment(STABLE, CANARY, 50, Side.CANARY))
    canary = both.target.observe().live
    assert canary is not None
    with (both.place.live / "current" / "open").open("w") as held:
        both.to(Deployment(STABLE, CANARY, 0, Side.STABLE))
        seen = both.retire(canary)
        state = seen.named(canary)
        assert state is not None and state.draining and "drains" in state.detail
        held.write("written to the one that drains")
        held.flush()
        assert both.target.observe().named(canary) is not None
    until(lambda: both.target.observe().named(canary) is None, 20)
    assert (both.place.live / "current" / "open").read_text() == "written to the one that drains"
    both.to(Deployment(STABLE, CANARY, 50))
    assert not (both.place.state / "instances" / canary).exists()
    assert (both.place.state / "logs" / f"{canary}.log").exists()


def test_commands_run_where_the_bridge_runs(both: Deployed) -> None:
    done = both.target.run(["-c", "import fuse, pyfuse3, sys; print(sys.prefix)"], Image.DUAL, 20)
    assert (done.returncode, done.stdout.strip()) == (0, str(both.place.state / "images" / "dual"))
    failed = both.target.run(["-c", "raise SystemExit('no')"], Image.DUAL, 20)
    assert (failed.returncode, failed.stderr.strip()) == (1, "no")
    with pytest.raises(UnreachableError, match="the image fuse3 is not there"):
        both.target.run(["-c", ""], Image.FUSE3, 20)
    with pytest.raises(UnreachableError, match=r"did not end within 0.5 s"):
        both.target.run(["-c", "import time; time.sleep(60)"], Image.DUAL, 0.5)


def test_looking_is_lean(both: Deployed) -> None:
    heavy = ("xmlrpc", "http", "docker", "asyncio", "prometheus_client", "requests", "subprocess", "sqlite3", "uv")
    program = f"""
import pickle, sys
from deployment.targets.local import LocalTarget
seen = LocalTarget(pickle.loads({pickle.dumps(both.place)!r})).observe()
assert len(seen.instances) == 2 and seen.live and seen.router, seen
print([m for m in {heavy!r} if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=30)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_a_bridge_that_hangs_does_not_hang_who_looks(both: Deployed) -> None:
    canary = both.target.observe().serving(Side.CANARY)
    assert canary is not None and canary.pid is not None
    assert processes.send(canary.pid, signal.SIGSTOP, BRIDGE)
    try:
        seen = both.target.observe().named(canary.name)
    finally:
        processes.send(canary.pid, signal.SIGCONT, BRIDGE)
    assert seen is not None and not seen.ready
    assert f"does not answer (pid {canary.pid}): no answer within 1.5 s" in seen.detail


@pytest.mark.root
@pytest.mark.skipif(not ROOT, reason="only root mounts a tmpfs")
def test_a_foreign_mount_on_the_stable_path_is_not_taken_for_ours(both: Deployed) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "none", both.place.live], check=True)
    try:
        seen = both.target.observe()
    finally:
        subprocess.run(["umount", both.place.live], check=True)
    assert (seen.live, seen.live_detail) == (None, "a foreign mount")
    assert both.target.observe().live is not None


def test_bridges_outlive_their_supervisor_and_are_not_doubled(both: Deployed) -> None:
    before = {i.name: i.pid for i in both.target.observe().instances}
    folder = both.place.state / "supervisor"
    supervisor = processes.working_in([folder], "supervisor.supervisord")[folder]
    assert processes.send(supervisor, signal.SIGKILL, "supervisor.supervisord")
    until(lambda: not processes.working_in([folder], "supervisor.supervisord"))
    seen = both.target.observe()
    assert all(i.ready for i in seen.instances) and len(seen.instances) == 2
    assert "supervisord does not run" in seen.notes[0]
    assert request_passes(both)
    seen = both.set_weight(40)  # whatever is applied starts it again
    assert sorted(seen.notes) == sorted(
        f"{name} runs without supervision: it is not started again if it dies" for name in before
    )
    for instance in seen.instances:  # what runs is not started a second time
        assert instance.side
        both.apply(start(instance.name, instance.side, CANARY if instance.side is Side.CANARY else STABLE))
    assert {i.name: i.pid for i in both.target.observe().instances} == before
    # an instance the new supervisord has not started is retired all the same
    name = next(i.name for i in seen.instances if i.side is Side.CANARY)
    both.set_weight(0)
    both.retire(name)
    until(lambda: both.target.observe().named(name) is None, 20)
    both.to(Deployment(STABLE, CANARY, 50))


def test_nothing_is_observed_where_nothing_is(alone: Deployed) -> None:
    seen = alone.target.observe()
    assert (seen.instances, seen.router, seen.weight, seen.live) == ((), False, None, None)
    assert seen.live_detail == "not mounted"
    assert not alone.place.state.exists()  # who only looks makes nothing
    assert alone.target.destroy(print) == ()


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


def test_a_plain_folder_with_files_on_the_stable_path_is_refused(alone: Deployed) -> None:
    alone.place.live.mkdir()
    (alone.place.live / "mine").write_text("not yours")
    with pytest.raises(ChangeFailedError, match="cannot show stable-1") as failure:
        alone.to(Deployment(replace(STABLE)))
    assert failure.value.hint
    assert alone.target.destroy(print) == ()
    assert (alone.place.live / "mine").read_text() == "not yours"


def test_a_deployment_that_is_half_gone_can_be_destroyed(alone: Deployed) -> None:
    seen = alone.to(Deployment(STABLE))
    (bridge,) = seen.instances
    assert bridge.pid is not None
    folder = alone.place.state / "supervisor"
    processes.send(processes.working_in([folder], "supervisor.supervisord")[folder], signal.SIGKILL, "supervisor")
    processes.send(bridge.pid, signal.SIGKILL, BRIDGE)
    (alone.place.state / "images" / "dual" / "image.json").unlink()
    assert alone.target.destroy(print) == ()
    assert mounts.below(mounts.table(), alone.place.state) == ()
    assert mounts.at(mounts.table(), alone.place.live) is None
    assert alone.target.destroy(print) == ()


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


def request_passes(deployed: Deployed) -> bool:
    from tests.deployment.helpers import request

    with contextlib.suppress(ConnectionError):
        return request(deployed.place.router_port, "PUT", "/files/asked", b"content")[0] < 300
    return False


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
    (packages / "ours.pth").write_text("\n".join([*ours, str(Path(__file__).parents[2])]) + "\n")
    return folder / "venv" / "bin" / "python"
