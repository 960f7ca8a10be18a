"""The life of a Bridge: switching under load, ending, dying, degrading and coming back."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bridge.harness import BACKENDS, Bridge, cleaned
from tests.bridge.load import Load
from tests.waiting import until

pytestmark = pytest.mark.fuse


@pytest.fixture
def bridge(short_tmp: Path) -> Iterator[Bridge]:
    made = Bridge(short_tmp / "b", short_tmp / "store.db", "fusepy")
    with cleaned(made):
        yield made


def test_backends_are_switched_under_load_without_a_failed_operation(bridge: Bridge) -> None:
    bridge.start()
    held = (bridge.mount / "current" / "held").open("w+b", buffering=0)
    with held, Load(bridge) as load:
        held.write(b"begun")
        for number in range(6):
            backend = BACKENDS[1 - number % 2]
            told = bridge.reload(LIGHTHOUSE_FUSE_BACKEND=backend)
            assert (told["status"], told["backend"], told["generation"]) == ("ok", backend, number + 2)
            done = load.operations
            until(lambda done=done: load.operations > done + 8)  # type: ignore[misc]
        held.write(b" and ended")
    assert load.failures == []
    assert load.operations > 48
    assert bridge.request("GET", "/files/held") == (200, b"begun and ended")
    until(lambda: not bridge.health()["draining"])
    assert len(bridge.leftovers()) == 2  # the private mount and the stable path, nothing of the six before
    total = bridge.metric("lighthouse_fuse_operations_total", backend="fusepy", operation="release", status="ok")
    assert (total or 0) > 0
    assert bridge.metric("lighthouse_fuse_operations_total", backend="fusepy", status="error") == 0


def test_counts_of_a_drained_backend_are_kept_to_the_last_one(bridge: Bridge) -> None:
    bridge.start()
    for number in range(25):
        (bridge.current / str(number)).mkdir()
    bridge.reload(LIGHTHOUSE_FUSE_BACKEND="pyfuse3", LIGHTHOUSE_FUSE_FALLBACK="fusepy")
    until(lambda: not bridge.health()["draining"])
    assert bridge.metric("lighthouse_fuse_operations_total", backend="fusepy", operation="mkdir", status="ok") == 25
    assert bridge.metric("lighthouse_fuse_backend_active", backend="fusepy") == 0
    assert bridge.metric("lighthouse_fuse_backend_active", backend="pyfuse3") == 1


def test_who_keeps_a_switched_mount_open_is_named_and_in_the_end_cut_off(bridge: Bridge) -> None:
    bridge.write_settings(LIGHTHOUSE_DRAIN_TIMEOUT="0.4")
    bridge.start()
    before = bridge.health()["mount_pid"]
    held = os.open(bridge.current / "log", os.O_WRONLY | os.O_CREAT)
    os.write(held, b"written before the switch")
    (name,) = bridge.reload(LIGHTHOUSE_FUSE_BACKEND="pyfuse3")["draining"]
    os.write(held, b", and while it drains")  # the switch is done, and its holder works on
    held_by = until(lambda: bridge.health()["held_by"].get(name))
    assert any(f"process {os.getpid()} " in holder and "fd/" in holder for holder in held_by)
    assert f"process {os.getpid()} " in bridge.log()
    until(lambda: not bridge.health()["draining"])
    assert "is ended although it is open" in bridge.log()
    with pytest.raises(OSError, match="Transport endpoint"):
        os.write(held, b"too late")
    with pytest.raises(OSError, match="Transport endpoint"):
        os.close(held)
    assert not Path(f"/proc/{before}").exists()
    assert (bridge.current / "log").read_bytes() == b"written before the switch, and while it drains"


def test_senseless_new_settings_change_nothing_and_are_said(bridge: Bridge) -> None:
    bridge.start()
    told = bridge.reload(LIGHTHOUSE_FUSE_BACKEND="fuse4")
    assert (told["status"], told["backend"]) == ("ok", "fusepy")
    assert "LIGHTHOUSE_FUSE_BACKEND is 'fuse4'" in told["reason"]
    told = bridge.reload(LIGHTHOUSE_FUSE_BACKEND="fusepy", LIGHTHOUSE_PORT="1")
    assert "LIGHTHOUSE_PORT can only be changed by a restart" in told["reason"]
    assert told["config"]["LIGHTHOUSE_PORT"] == str(bridge.port)
    assert bridge.reload(LIGHTHOUSE_PORT=str(bridge.port))["reason"] == ""


def without_mfusepy(bridge: Bridge, place: Path) -> None:
    """Let the Bridge run as where mfusepy is not installed."""
    place.mkdir()
    (place / "mfusepy.py").write_text('raise ImportError("mfusepy is not installed here")\n')
    bridge.environment = {"PYTHONPATH": os.pathsep.join([str(place), os.environ.get("PYTHONPATH", "")])}


def test_a_backend_that_cannot_mount_leaves_the_one_that_serves(bridge: Bridge, tmp_path: Path) -> None:
    without_mfusepy(bridge, tmp_path / "modules")
    bridge.start()
    told = bridge.reload(LIGHTHOUSE_FUSE_BACKEND="mfusepy")
    assert (told["status"], told["backend"], told["configured"]) == ("ok", "fusepy", "mfusepy")
    assert "mfusepy" in told["reason"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_sigterm_ends_it_with_nothing_left(bridge: Bridge, backend: str) -> None:
    bridge.settings["LIGHTHOUSE_FUSE_BACKEND"] = backend
    bridge.start()
    mount_pid = bridge.health()["mount_pid"]
    bridge.request("PUT", "/files/a", b"x")
    assert bridge.stop() == 0
    assert bridge.leftovers() == []
    assert not Path(f"/proc/{mount_pid}").exists()
    assert list((bridge.folder / "state" / "mounts").iterdir()) == []


def test_sigterm_waits_for_what_is_open_and_names_who_holds_it(bridge: Bridge) -> None:
    bridge.settings["LIGHTHOUSE_DRAIN_TIMEOUT"] = "1"
    bridge.start()
    held = os.open(bridge.current / "a", os.O_RDWR | os.O_CREAT)
    os.write(held, b"x")
    assert bridge.stop() == 0
    assert f"process {os.getpid()} " in bridge.log()
    with pytest.raises(OSError):
        os.close(held)
    assert bridge.leftovers() == []


def test_sigterm_lets_open_files_be_finished(bridge: Bridge) -> None:
    bridge.settings["LIGHTHOUSE_DRAIN_TIMEOUT"] = "60"
    bridge.start()
    held = (bridge.current / "a").open("w+b", buffering=0)
    assert bridge.process is not None
    bridge.process.terminate()
    until(lambda: not bridge.leftovers())
    held.write(b"finished")
    held.close()
    assert bridge.process.wait(timeout=30) == 0  # once all is closed, and no later
    bridge.start()
    assert bridge.request("GET", "/files/a") == (200, b"finished")


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_mount_process_that_is_killed_is_replaced(bridge: Bridge, backend: str) -> None:
    bridge.settings["LIGHTHOUSE_FUSE_BACKEND"] = backend
    bridge.start()
    acknowledged = {}
    for number in range(3):
        until(lambda: bridge.health()["status"] == "ok")
        acknowledged[f"k{number}"] = str(number).encode() * 1000
        assert bridge.request("PUT", f"/files/k{number}", acknowledged[f"k{number}"])[0] == 201
        before = bridge.health()["mount_pid"]
        os.kill(before, signal.SIGKILL)
        # a request that meets the dead mount waits for the new one
        for path, body in acknowledged.items():
            until(lambda path=path, body=body: bridge.request("GET", f"/files/{path}") == (200, body))  # type: ignore[misc]
        until(lambda before=before: bridge.health()["mount_pid"] not in (before, None))  # type: ignore[misc]
    assert "being replaced" not in bridge.health()["reason"]
    assert len(bridge.leftovers()) == 2


def test_a_killed_bridge_loses_nothing_that_was_acknowledged(bridge: Bridge) -> None:
    acknowledged: dict[str, bytes] = {}
    rounds = 4

    def put(stop: threading.Event, mine: int) -> None:
        number = 0
        while not stop.is_set():
            path, body = f"c{mine}/{number % 20}", f"{mine} {number} ".encode() * 200
            try:
                if bridge.request("PUT", f"/files/{path}", body)[0] in (201, 204):
                    acknowledged[path] = body
                else:
                    acknowledged.pop(path, None)  # it may have been stored or not
            except ConnectionRefusedError:
                return  # it is dead already and was not asked
            except OSError:
                acknowledged.pop(path, None)
            number += 1

    for turn in range(rounds):
        bridge.start()
        stop = threading.Event()
        clients = [threading.Thread(target=put, args=(stop, mine)) for mine in range(3)]
        for client in clients:
            client.start()
        time.sleep(0.3 + 0.13 * turn)  # in the middle of whatever is going on
        bridge.stop(signal.SIGKILL)
        stop.set()
        for client in clients:
            client.join()
    until(lambda: not bridge.leftovers())  # its mount processes notice and go
    bridge.start()
    assert len(acknowledged) > 10
    for path, body in acknowledged.items():
        assert bridge.request("GET", f"/files/{path}") == (200, body)


def test_a_killed_bridge_leaves_open_files_a_while_and_can_start_again_at_once(bridge: Bridge) -> None:
    bridge.start()
    with (bridge.current / "a").open("w+b", buffering=0) as held:
        bridge.stop(signal.SIGKILL)
        bridge.start()
        held.write(b"through the old mount")
    until(lambda: bridge.request("GET", "/files/a")[1] == b"through the old mount")


def test_bodies_that_were_never_finished_are_cleared_away_by_age(bridge: Bridge) -> None:
    bridge.start()
    incoming = bridge.current / ".incoming"
    incoming.mkdir()
    for name, age in (("old", 4000), ("new", 10)):
        (incoming / name).touch()
        os.utime(incoming / name, (time.time() - age, time.time() - age))
    assert bridge.stop() == 0
    bridge.start()
    until(lambda: not (incoming / "old").exists())
    assert (incoming / "new").exists()


def test_no_backend_means_degraded_until_one_can_mount(bridge: Bridge) -> None:
    bridge.mount.mkdir(parents=True)
    (bridge.mount / "in the way").touch()
    bridge.start(wait=False)
    until(lambda: bridge.health().get("generation"))
    told = bridge.health()
    assert bridge.request("GET", "/health")[0] == 503
    assert (told["status"], told["backend"]) == ("degraded", None)
    assert "in the way" in told["reason"]
    assert bridge.request("GET", "/files/a")[0] == 503
    assert bridge.metric("lighthouse_fuse_backend_active", backend="fusepy") == 0
    assert bridge.metric("lighthouse_fuse_mount_responsive", backend="fusepy") == 0
    (bridge.mount / "in the way").unlink()
    until(lambda: bridge.health()["status"] == "ok")
    assert bridge.request("GET", "/health")[0] == 200
    assert bridge.request("PUT", "/files/a", b"x")[0] == 201


def test_the_fallback_serves_when_the_primary_cannot(bridge: Bridge, tmp_path: Path) -> None:
    without_mfusepy(bridge, tmp_path / "modules")
    bridge.settings |= {"LIGHTHOUSE_FUSE_BACKEND": "mfusepy", "LIGHTHOUSE_FUSE_FALLBACK": "pyfuse3"}
    bridge.start()
    told = bridge.health()
    assert (told["backend"], told["configured"], told["fallback"]) == ("pyfuse3", "mfusepy", "pyfuse3")
    assert "mfusepy" in told["reason"]


def test_a_hung_mount_is_said_and_requests_do_not_wait_for_it(bridge: Bridge) -> None:
    bridge.start()
    pid = bridge.health()["mount_pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        until(lambda: bridge.health()["status"] == "unresponsive")
        assert bridge.metric("lighthouse_fuse_mount_responsive", backend="fusepy") == 0
        started = time.monotonic()
        assert bridge.request("GET", "/files/a")[0] == 503
        assert time.monotonic() - started < 10  # the mount stays stopped
    finally:
        os.kill(pid, signal.SIGCONT)
    until(lambda: bridge.health()["status"] == "ok")
    assert bridge.request("PUT", "/files/a", b"x")[0] == 201


def test_a_second_bridge_in_the_same_state_folder_is_refused(bridge: Bridge) -> None:
    bridge.start()
    second = Bridge(bridge.folder.with_name("second"), bridge.folder.parent / "store.db", "fusepy")
    second.settings["LIGHTHOUSE_STATE_DIR"] = bridge.settings["LIGHTHOUSE_STATE_DIR"]
    with cleaned(second):
        second.start(wait=False)
        assert second.process is not None
        assert second.process.wait(timeout=60) == 1
        assert "another Bridge is running" in second.log()
    assert bridge.health()["status"] == "ok"


@pytest.mark.parametrize(
    ("key", "value", "said", "status"),
    [
        ("LIGHTHOUSE_FUSE_BACKEND", "fuse4", "LIGHTHOUSE_FUSE_BACKEND is 'fuse4'", 2),
        ("LIGHTHOUSE_STORE", "/proc/version", "cannot be opened as an event store", 1),
    ],
)
def test_it_does_not_start_with_what_cannot_work(bridge: Bridge, key: str, value: str, said: str, status: int) -> None:
    bridge.settings[key] = value
    bridge.start(wait=False)
    assert bridge.process is not None
    assert bridge.process.wait(timeout=60) == status
    assert f"error: {said}" in bridge.log() or said in bridge.log()


@pytest.mark.parametrize("has_agents", [False, True])
def test_it_warns_where_anybody_could_reach_it_and_may_do_everything(bridge: Bridge, has_agents: bool) -> None:
    bridge.settings["LIGHTHOUSE_HOST"] = "0.0.0.0"
    if has_agents:
        (bridge.folder.parent / "agents.json").write_text('{"agents": {}}')
    bridge.start()
    assert ("whoever reaches 0.0.0.0 may do everything" in bridge.log()) is not has_agents
    assert bridge.request("GET", "/list")[0] == (401 if has_agents else 200)


def test_a_port_that_is_taken_is_said(bridge: Bridge, short_tmp: Path) -> None:
    bridge.start()
    second = Bridge(short_tmp / "second", short_tmp / "store.db", "fusepy", LIGHTHOUSE_PORT=str(bridge.port))
    with cleaned(second):
        second.start(wait=False)
        assert second.process is not None
        assert second.process.wait(timeout=60) == 1
        assert f"cannot listen on 127.0.0.1:{bridge.port}" in second.log()


@pytest.mark.root
@pytest.mark.parametrize("backend", BACKENDS)
def test_an_ordinary_user_is_served_through_a_symbolic_link(short_tmp: Path, backend: str) -> None:
    folder = short_tmp / "user"
    folder.mkdir()
    bridge = Bridge(folder, folder / "store.db", backend)
    for path in (folder, bridge.config):
        os.chown(path, 65534, 65534)
    # The interpreter of the tests may lie in a folder that only root may enter; Debian's own serves everybody.
    bridge.python = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "/usr/bin/python3")
    root = Path(__file__).parents[2]
    packages = next((root / ".venv").glob("lib/python3*/site-packages"))
    bridge.environment = {"PYTHONPATH": f"{root}:{packages}", "HOME": str(folder)}
    with cleaned(bridge):
        bridge.start()
        assert bridge.request("PUT", "/files/a", b"mine")[0] == 201
        other = BACKENDS[1 - BACKENDS.index(backend)]
        assert bridge.reload(LIGHTHOUSE_FUSE_BACKEND=other)["backend"] == other
        assert bridge.mount.is_symlink()
        assert bridge.request("GET", "/files/a") == (200, b"mine")
        assert bridge.stop() == 0
        assert bridge.leftovers() == []
