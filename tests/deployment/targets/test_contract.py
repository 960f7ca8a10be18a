"""What every target must do alike: real Bridges on real mounts behind a real router, as processes and as containers."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deployment.errors import ChangeFailedError, UnreachableError
from deployment.model import Change, Deployment, Image, Instance, Kind, Side
from deployment.targets import processes
from deployment.targets.docker_target import DockerTarget
from deployment.targets.local import LocalTarget
from deployment.targets.local_observe import BRIDGE
from deployment.targets.target import Place, Target
from tests.deployment.deployed import CANARY, STABLE, Deployed, start, walk
from tests.deployment.helpers import Clients
from tests.waiting import until

pytestmark = [pytest.mark.fuse, pytest.mark.haproxy]

ROOT = os.geteuid() == 0
KINDS = (
    pytest.param(LocalTarget, id="local"),
    # the images are built from what earlier builds left in the Engine's cache; the first build takes minutes
    pytest.param(DockerTarget, id="docker", marks=[pytest.mark.docker, pytest.mark.root, pytest.mark.timeout(600)]),
)
Make = Callable[[Place], Target]


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> Make:
    made: Make = request.param
    return made


@pytest.fixture(scope="module")
def both(kind: Make, short_root: Path, wheels: Path) -> Iterator[Deployed]:
    """Both sides run, half of the clients on each; each test leaves it so."""
    deployed = Deployed(short_root / f"both-{kind.__name__}", kind=kind)
    try:
        deployed.to(Deployment(STABLE, CANARY, 50))
        yield deployed
    finally:
        assert deployed.target.destroy(print) == ()


@pytest.fixture
def alone(kind: Make, short_tmp: Path, wheels: Path) -> Iterator[Deployed]:
    """Nothing yet; what a test makes is taken away."""
    deployed = Deployed(short_tmp, kind=kind)
    try:
        yield deployed
    finally:
        assert deployed.target.destroy(print) == ()


def test_the_walk_fails_nobody_and_leaves_nothing(kind: Make, short_tmp: Path, wheels: Path) -> None:
    # a path that no Unix socket could have, with characters that configuration files take for their own
    folder = short_tmp / ("long " * 20) / "with # and ; and %d"
    folder.mkdir(parents=True)
    seen = walk(folder, kind)
    assert seen["failed"] == []
    assert seen["done"] > 100
    assert (seen["left"], seen["state"], seen["live"]) == ((), [], False)


def test_a_killed_bridge_comes_back_and_fails_no_client(both: Deployed) -> None:
    before = both.target.observe().serving(Side.CANARY)
    assert before is not None and before.pid is not None
    with Clients(both.place.router_port) as clients:
        until(lambda: clients.done > 100)
        assert processes.send(before.pid, signal.SIGKILL, BRIDGE)

        def back() -> bool:
            now = both.target.observe().serving(Side.CANARY)
            return now is not None and now.ready and now.pid != before.pid

        until(back)
        seen = clients.done
        until(lambda: clients.done > seen + 100)
    assert clients.failed == []


def test_a_killed_router_comes_back_with_its_routes_and_weight(both: Deployed) -> None:
    before = both.target.observe()
    folder = both.place.state / "haproxy"
    pid = processes.working_in([folder], "haproxy.cfg")[folder]
    assert processes.send(pid, signal.SIGKILL, "haproxy.cfg")
    until(lambda: processes.working_in([folder], "haproxy.cfg").get(folder) not in (None, pid))
    until(lambda: both.target.observe().router)
    after = both.target.observe()
    assert (after.weight, after.routes) == (before.weight, before.routes)
    until(both.serves)


def test_a_busy_port_is_named_and_nothing_is_left(both: Deployed) -> None:
    generation = both.target.observe().last[Side.CANARY] + 1
    port = both.place.canary_ports[(generation - 1) % 2]
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind(("127.0.0.1", port))
        stranger.listen()
        with pytest.raises(ChangeFailedError, match=rf"port {port} is taken by pid {os.getpid()}"):
            both.target.apply(start(f"canary-{generation}", CANARY), print)
    assert len(both.target.observe().instances) == 2
    assert not (both.place.state / "instances" / f"canary-{generation}").exists()


def test_what_cannot_start_leaves_nothing_and_says_why(both: Deployed) -> None:
    generation = both.target.observe().last[Side.CANARY] + 1
    name = f"canary-{generation}"
    with pytest.raises(ChangeFailedError, match=name) as failure:
        both.target.apply(start(name, Instance(Image.DUAL, "nonsense")), print)
    assert "nonsense" in failure.value.message
    seen = both.target.observe()
    assert seen.named(name) is None and len(seen.instances) == 2
    assert both.serves()


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
    until(lambda: both.target.observe().named(canary) is None)
    assert (both.place.live / "current" / "open").read_text() == "written to the one that drains"
    both.to(Deployment(STABLE, CANARY, 50))
    assert not (both.place.state / "instances" / canary).exists()
    assert (both.place.state / "logs" / f"{canary}.log").exists()


def test_commands_run_where_the_bridge_runs(both: Deployed) -> None:
    done = both.target.run(["-c", "import fuse, pyfuse3, bridge, dualfuse; print('all there')"], Image.DUAL, 20)
    assert (done.returncode, done.stdout.strip()) == (0, "all there"), done.stderr
    mount = both.target.observe().instances[0].mount
    seen = both.target.run(["-c", f"import os; print(os.listdir({mount!r}))"], Image.DUAL, 20)
    assert "current" in seen.stdout, seen.stderr
    failed = both.target.run(["-c", "raise SystemExit('no')"], Image.DUAL, 20)
    assert (failed.returncode, failed.stderr.strip()) == (1, "no")
    with pytest.raises(UnreachableError, match="the image fuse3 is not there"):
        both.target.run(["-c", ""], Image.FUSE3, 20)
    with pytest.raises(UnreachableError, match=r"did not end within 0.5 s"):
        both.target.run(["-c", "import time; time.sleep(60)"], Image.DUAL, 0.5)


def test_looking_is_lean(both: Deployed, kind: Make) -> None:
    heavy = ("xmlrpc", "http", "docker", "asyncio", "prometheus_client", "requests", "subprocess", "sqlite3", "uv")
    program = f"""
import pickle, sys
from {kind.__module__} import {kind.__name__}
seen = {kind.__name__}(pickle.loads({pickle.dumps(both.place)!r})).observe()
assert len(seen.instances) == 2 and seen.live and seen.router, seen
print([m for m in {heavy!r} if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=30)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_a_bridge_that_hangs_does_not_hang_who_looks(both: Deployed) -> None:
    canary = both.target.observe().serving(Side.CANARY)
    assert canary is not None and canary.pid is not None
    # in a container the first process only looks after the Bridge
    everybody = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    bridges = [pid for pid in everybody if pid == canary.pid or _is_below(pid, canary.pid)]
    try:
        stopped = [pid for pid in bridges if processes.send(pid, signal.SIGSTOP, BRIDGE)]
        assert canary.pid in stopped
        seen = both.target.observe().named(canary.name)
    finally:
        for pid in bridges:
            processes.send(pid, signal.SIGCONT, BRIDGE)
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


def test_nothing_is_observed_where_nothing_is(alone: Deployed) -> None:
    seen = alone.target.observe()
    assert (seen.instances, seen.router, seen.weight, seen.live) == ((), False, None, None)
    assert seen.live_detail == "not mounted"
    assert not alone.place.state.exists()  # who only looks makes nothing
    assert alone.target.destroy(print) == ()


def test_a_plain_folder_with_files_on_the_stable_path_is_refused(alone: Deployed) -> None:
    alone.place.live.mkdir()
    (alone.place.live / "mine").write_text("not yours")
    with pytest.raises(ChangeFailedError, match="cannot show stable-1") as failure:
        alone.to(Deployment(STABLE))
    assert failure.value.hint
    assert alone.target.destroy(print) == ()
    assert (alone.place.live / "mine").read_text() == "not yours"


def _is_below(pid: int, ancestor: int) -> bool:
    above = processes.parent(pid)
    return above is not None and above > 1 and (above == ancestor or _is_below(above, ancestor))
