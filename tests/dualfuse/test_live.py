"""Swapping a live path: atomically under load, in either direction, over dead mounts, with and without capabilities."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from dualfuse import live
from dualfuse.daemon import Daemon
from dualfuse.holders import holders
from dualfuse.mounts import mount_at, stack_at
from tests.dualfuse.connections import connection_alive
from tests.dualfuse.served import BACKENDS, serve, wait_for

pytestmark = pytest.mark.fuse


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[dict[str, Daemon]]:
    """Both backends over one directory, whose content says nothing about which of them answers."""
    under = tmp_path / "under"
    under.mkdir()
    (under / "file").write_bytes(b"same")
    with ExitStack() as stack:
        loopback = "dualfuse.samples.loopback:Loopback"
        fresh = ["entry_timeout=0,attr_timeout=0"]  # no cache may hide what the other mount has written
        daemons = {
            name: stack.enter_context(serve(loopback, tmp_path / f"private-{name}", name, [f"root={under}"], fresh))
            for name in BACKENDS
        }
        yield daemons
        live.detach(str(tmp_path / "stable"))


def _stable(tmp_path: Path) -> str:
    (tmp_path / "stable").mkdir()
    return str(tmp_path / "stable")


@pytest.mark.root
@pytest.mark.parametrize("method", ["auto", "beneath", "over"])
def test_swap_onto_an_empty_directory_and_back(tmp_path: Path, pair: dict[str, Daemon], method: str) -> None:
    stable = _stable(tmp_path)
    for name in ("fusepy", "pyfuse3", "fusepy"):
        done = live.swap(pair[name].mountpoint, stable, method)
        assert done.method == ("beneath" if method == "auto" else method)
        shown, private = mount_at(stable), mount_at(pair[name].mountpoint)
        assert shown is not None
        assert private is not None
        assert shown.device == private.device
        assert len(stack_at(stable)) == 1
        assert Path(stable, "file").read_bytes() == b"same"


@pytest.mark.root
def test_no_client_notices_swaps_under_load(tmp_path: Path, pair: dict[str, Daemon]) -> None:
    stable = _stable(tmp_path)
    live.swap(pair["fusepy"].mountpoint, stable)
    stop = threading.Event()
    failures: list[str] = []
    done = [0] * 4

    def client(number: int) -> None:
        own = Path(stable, f"client-{number}")
        while not stop.is_set():
            try:
                own.write_bytes(b"x" * done[number])
                if own.stat().st_size != done[number] or Path(stable, "file").read_bytes() != b"same":
                    failures.append("wrong content")
                os.listdir(stable)  # noqa: PTH208
                done[number] += 1
            except OSError as error:
                failures.append(str(error))

    threads = [threading.Thread(target=client, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for round_number in range(12):
        floor = min(done) + 3
        wait_for(lambda floor=floor: min(done) >= floor, "every client to make progress")  # type: ignore[misc]
        live.swap(pair[BACKENDS[(round_number + 1) % 2]].mountpoint, stable)
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.root
def test_open_files_stay_with_the_old_daemon_until_it_is_drained(tmp_path: Path) -> None:
    stable = _stable(tmp_path)
    with (
        serve("dualfuse.samples.memory:Memory", tmp_path / "old", "fusepy") as old,
        serve("dualfuse.samples.memory:Memory", tmp_path / "new", "pyfuse3") as new,
    ):
        live.swap(old.mountpoint, stable)
        Path(stable, "file").write_bytes(b"old")
        mount = mount_at(old.mountpoint)
        assert mount is not None
        with Path(stable, "file").open("rb") as stream:
            live.swap(new.mountpoint, stable)
            assert not Path(stable, "file").exists()
            live.detach(old.mountpoint)
            assert stream.read() == b"old"
            assert [each.what for each in holders(0, mount.minor) if each.pid == os.getpid()] == [
                f"fd/{stream.fileno()}"
            ]
            assert connection_alive(mount.minor)
        assert old.process is not None
        assert old.process.wait(10) == 0, "drained: it ends by itself"
        live.detach(stable)


@pytest.mark.root
def test_a_dead_mount_is_swapped_out(tmp_path: Path, pair: dict[str, Daemon]) -> None:
    stable = _stable(tmp_path)
    live.swap(pair["pyfuse3"].mountpoint, stable)
    os.kill(pair["pyfuse3"].pid, signal.SIGKILL)
    assert pair["pyfuse3"].process is not None
    pair["pyfuse3"].process.wait()
    with pytest.raises(OSError, match="not connected"):
        os.listdir(stable)  # noqa: PTH208
    live.swap(pair["fusepy"].mountpoint, stable)
    assert Path(stable, "file").read_bytes() == b"same"


@pytest.mark.root
def test_a_stopped_mount_is_swapped_out_without_touching_it(tmp_path: Path, pair: dict[str, Daemon]) -> None:
    stable = _stable(tmp_path)
    live.swap(pair["pyfuse3"].mountpoint, stable)
    os.kill(pair["pyfuse3"].pid, signal.SIGSTOP)
    try:
        live.swap(pair["fusepy"].mountpoint, stable)
        assert Path(stable, "file").read_bytes() == b"same"
    finally:
        os.kill(pair["pyfuse3"].pid, signal.SIGCONT)


def test_the_symlink_method(tmp_path: Path, pair: dict[str, Daemon]) -> None:
    stable = _stable(tmp_path)
    for name in ("fusepy", "pyfuse3"):
        done = live.swap(pair[name].mountpoint, stable, "symlink")
        assert done.method == "symlink"
        assert Path(stable).is_symlink()
        assert Path(stable, "file").read_bytes() == b"same"
        assert live.served_by(stable) == mount_at(pair[name].mountpoint)
    assert live.swap(pair["fusepy"].mountpoint, stable).method == "symlink", "auto stays with a link that is there"
    assert live.detach(stable)
    assert not Path(stable).is_symlink()
    assert not live.detach(stable)


def test_refusals_say_what_to_do(tmp_path: Path, pair: dict[str, Daemon]) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious").touch()
    (tmp_path / "afile").touch()
    new = pair["fusepy"].mountpoint
    for stable, words in (
        (tmp_path / "full", "not empty"),
        (tmp_path / "afile", "is a file"),
        (tmp_path / "no" / "where", "does not exist"),
    ):
        with pytest.raises(live.SwapError, match=words) as caught:
            live.swap(new, str(stable))
        assert caught.value.hint
    with pytest.raises(live.SwapError, match="not a mount"):
        live.swap(str(tmp_path / "full"), str(tmp_path / "stable"))
    assert (tmp_path / "full" / "precious").exists()


def test_the_command_answers_in_json(tmp_path: Path, pair: dict[str, Daemon]) -> None:
    command = [sys.executable, "-m", "dualfuse.live"]

    def run(*words: str) -> tuple[int, dict[str, object]]:
        done = subprocess.run(
            [*command, *words], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
        )
        answer: dict[str, object] = json.loads(done.stdout)
        return done.returncode, answer

    stable = _stable(tmp_path)
    code, answer = run("swap", pair["fusepy"].mountpoint, stable)
    assert (code, answer["ok"]) == (0, True)
    assert isinstance(answer["seconds"], float)
    code, answer = run("detach", stable)
    assert (code, answer["ok"], answer["detached"]) == (0, True, True)
    code, answer = run("swap", stable, "/etc")
    assert (code, answer["ok"]) == (1, False)
    assert answer["hint"]
