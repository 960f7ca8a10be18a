"""Whatever user code does, the caller gets an errno, the mount lives, and the log says what happened."""

# ruff: noqa: PTH208 - the calls themselves are tested

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dualfuse.backend import mount
from dualfuse.errors import MountError
from dualfuse.heartbeat import beat
from dualfuse.mounts import mount_at
from dualfuse.samples.memory import Memory
from tests.dualfuse.odd import NO_ERRNOS, Hanging
from tests.dualfuse.served import serve, wait_for

pytestmark = pytest.mark.fuse


def _read(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 100)
    finally:
        os.close(descriptor)


def _write(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, b"12345")
    finally:
        os.close(descriptor)


BAD: dict[str, Callable[[Path], object]] = {
    "raise": lambda place: (place / "raise").stat(),
    "exit": lambda place: (place / "exit").stat(),
    "interrupt": lambda place: (place / "interrupt").stat(),
    "no-errno": lambda place: (place / "no-errno").stat(),
    "none": lambda place: (place / "none").stat(),
    "list": lambda place: (place / "list").stat(),
    "text-size": lambda place: (place / "text-size").stat(),
    "text-time": lambda place: (place / "text-time").stat(),
    "no-mode": lambda place: (place / "no-mode").stat(),
    "too-long": lambda place: _read(place / "too-long"),
    "read-text": lambda place: _read(place / "read-text"),
    "read-number": lambda place: _read(place / "read-number"),
    "open-none": lambda place: _read(place / "open-none"),
    "open-text": lambda place: _read(place / "open-text"),
    "write-more": lambda place: _write(place / "write-more"),
    "write-text": lambda place: _write(place / "write-text"),
    "status-text": lambda place: (place / "status-text").chmod(0o600),
    "status-positive": lambda place: (place / "status-positive").chmod(0o600),
    "statfs": os.statvfs,
    "xattr-number": lambda place: os.getxattr(place / "f", "user.number"),
    "xattr-names": lambda place: os.listxattr(place / "bad-names"),
    "dir-numbers": lambda place: os.listdir(place / "dir-numbers"),
    "dir-none": lambda place: os.listdir(place / "dir-none"),
    "dir-generator": lambda place: os.listdir(place / "dir-generator"),
}


def test_bad_code_gives_eio_and_the_mount_lives(tmp_path: Path, backend: str) -> None:
    with serve("tests.dualfuse.odd:BrokenDirectories", tmp_path / "m", backend) as daemon:
        place = Path(daemon.mountpoint)
        answers = {}
        for name, action in BAD.items():
            try:
                answers[name] = f"succeeded: {action(place)!r}"
            except OSError as error:
                answers[name] = errno.errorcode[error.errno or 0]
        assert answers == dict.fromkeys(BAD, "EIO")
        assert _read(place / "fine") == b"fine"
        assert daemon.process is not None
        assert daemon.process.poll() is None
        log = daemon.output()
    assert "ValueError: user code is wrong" in log
    assert "RuntimeError: in the middle of a listing" in log


def test_an_errno_that_there_is_not_is_eio_and_nobody_waits_for_ever(tmp_path: Path, backend: str) -> None:
    """Asked from children that can be given up: to some of these errnos the kernel hears no answer at all."""
    with serve("tests.dualfuse.odd:Broken", tmp_path / "m", backend) as daemon:
        answers = {path: beat(f"{daemon.mountpoint}{path}", 5).error for path in NO_ERRNOS}
        assert answers == dict.fromkeys(NO_ERRNOS, f"EIO: {os.strerror(errno.EIO)}")
        chmod = subprocess.run(
            ["chmod", "600", f"{daemon.mountpoint}/status-no-errno"], timeout=5, capture_output=True, text=True
        )
        assert os.strerror(errno.EIO) in chmod.stderr
        assert beat(f"{daemon.mountpoint}/fine", 5).alive
        assert daemon.stop() == 0


def test_habits_that_work(tmp_path: Path, backend: str) -> None:
    """Negative errnos as return values, other bytes-like types, None for nothing read, big handles."""
    with serve("tests.dualfuse.odd:Broken", tmp_path / "m", backend) as daemon:
        place = Path(daemon.mountpoint)
        assert _read(place / "read-none") == b""
        assert _read(place / "read-array") == b"array"
        assert _read(place / "read-view") == b"view"
        assert _read(place / "open-big") == b"fine"
        assert os.getxattr(place / "f", "user.text") == b"text"
        assert sorted(os.listdir(place)) == ["fine", "raise"]
        with pytest.raises(PermissionError):
            (place / "status-negative").chmod(0o600)
        with pytest.raises(OSError, match="No space left"):
            _write(place / "write-negative")


def test_an_open_file_cannot_be_removed_where_no_other_name_is_free(tmp_path: Path, backend: str) -> None:
    """The class has every name, also each that the file could be kept under."""
    with serve("tests.dualfuse.odd:Broken", tmp_path / "m", backend) as daemon:
        command = ["rm", "-f", f"{daemon.mountpoint}/fine"]
        with Path(daemon.mountpoint, "fine").open("rb"):
            removal = subprocess.run(command, timeout=5, capture_output=True, text=True)
        assert os.strerror(errno.EBUSY) in removal.stderr
        assert beat(f"{daemon.mountpoint}/fine", 5).alive


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_unmount_cleanly(tmp_path: Path, backend: str, number: signal.Signals) -> None:
    with serve("dualfuse.samples.memory:Memory", tmp_path / "m", backend) as daemon:
        assert daemon.process is not None
        (Path(daemon.mountpoint) / "f").touch()
        daemon.process.send_signal(number)
        assert daemon.process.wait(10) == 0
        assert mount_at(daemon.mountpoint) is None


@pytest.mark.root
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_unmount_cleanly_as_pid_1(tmp_path: Path, backend: str, number: signal.Signals) -> None:
    (tmp_path / "m").mkdir()
    script = (
        "import sys; from dualfuse import mount; from dualfuse.samples.memory import Memory; "
        "mount(Memory(), sys.argv[1], sys.argv[2])"
    )
    command = ["unshare", "--fork", "--pid", "--kill-child", sys.executable, "-c", script, str(tmp_path / "m"), backend]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
    try:
        wait_for(lambda: mount_at(str(tmp_path / "m")) is not None, "the mount", 10)
        (tmp_path / "m" / "f").touch()  # it serves, so its handlers are there; before, PID 1 hears no signal
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(children[0]), number)
        assert process.wait(10) == 0
        assert mount_at(str(tmp_path / "m")) is None
    finally:
        process.kill()
        process.wait()


def test_a_hanging_read_leaves_the_rest_alone(tmp_path: Path, backend: str) -> None:
    with serve("tests.dualfuse.odd:Hanging", tmp_path / "m", backend) as daemon:
        place = Path(daemon.mountpoint)
        (place / "hang").write_bytes(b"x" * 10)
        (place / "fine").write_bytes(b"fine")
        readers = [subprocess.Popen(["cat", str(place / "hang")], stdout=subprocess.DEVNULL) for _ in range(3)]
        try:
            time.sleep(0.2)  # the readers must have reached the hang: there is nothing to poll for
            (place / "new").write_bytes(b"new")
            assert (place / "fine").read_bytes() == b"fine"
            assert [reader.poll() for reader in readers] == [None] * 3
        finally:
            assert daemon.process is not None
            daemon.process.kill()
            for reader in readers:
                assert reader.wait(10) != 0


def test_blocked_operations_run_side_by_side(tmp_path: Path, backend: str) -> None:
    with serve("tests.dualfuse.odd:Hanging", tmp_path / "m", backend) as daemon:
        place = Path(daemon.mountpoint)
        files = [place / f"together-{number}" for number in range(Hanging.TOGETHER)]
        for file in files:
            file.write_bytes(b"x")
        with ThreadPoolExecutor(len(files)) as readers:
            assert list(readers.map(Path.read_bytes, files)) == [b"x"] * len(files)


def test_an_init_that_fails_is_a_mount_error(tmp_path: Path, backend: str) -> None:
    command = [sys.executable, "-m", "dualfuse", "mount", "tests.dualfuse.odd:FailingInit", str(tmp_path)]
    done = subprocess.run(
        [*command, "--backend", backend], cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 1
    assert "no disk today" in done.stderr
    assert "init failed" in done.stderr
    assert mount_at(str(tmp_path)) is None


def test_a_mountpoint_that_is_not_empty_is_refused(tmp_path: Path, backend: str) -> None:
    (tmp_path / "precious").touch()
    with pytest.raises(MountError, match="not empty") as caught:
        mount(Memory(), str(tmp_path), backend)
    assert "nonempty" in caught.value.remedy
    assert mount_at(str(tmp_path)) is None
    with serve("dualfuse.samples.memory:Memory", tmp_path, backend, options=["nonempty"]) as daemon:
        assert os.listdir(daemon.mountpoint) == []
    assert os.listdir(tmp_path) == ["precious"]


def test_a_missing_mountpoint_and_a_file_are_refused(tmp_path: Path, backend: str) -> None:
    with pytest.raises(MountError, match="No such file"):
        mount(Memory(), str(tmp_path / "none"), backend)
    (tmp_path / "file").touch()
    with pytest.raises(MountError, match="not a directory"):
        mount(Memory(), str(tmp_path / "file"), backend)


def test_the_c_librarys_own_words_reach_the_error(tmp_path: Path, backend: str) -> None:
    with pytest.raises(MountError) as caught:
        mount(Memory(), str(tmp_path), backend, max_read="many")
    assert caught.value.stderr, "libfuse says what is wrong"
    assert "many" in caught.value.stderr or "max_read" in caught.value.stderr or "mount" in caught.value.stderr
    assert "option" in caught.value.remedy
