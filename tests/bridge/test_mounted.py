"""The file system as programs meet it: really mounted, by each backend."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.mount_child import MountChild
from bridge.settings import Settings
from tests import leaks
from tests.bridge.harness import BACKENDS
from tests.waiting import until

pytestmark = pytest.mark.fuse


def mounted(folder: Path, store: Path, backend: str) -> MountChild:
    folder.mkdir()
    settings = Settings(
        backend=backend, store=store, state_dir=folder / "state", mount_point=folder / "mnt", drain_timeout=1.0
    )
    child = MountChild(settings, backend, 1)
    child.prove()
    return child


def unmounted(child: MountChild) -> None:
    child.let_go()
    try:
        until(child.ended, 5.0)
    finally:
        child.kill()
        child.tidy()


@pytest.fixture(params=BACKENDS)
def child(request: pytest.FixtureRequest, short_tmp: Path) -> Iterator[MountChild]:
    started = mounted(short_tmp / "one", short_tmp / "store.db", request.param)
    yield started
    unmounted(started)
    assert not leaks.fuse_mounts([short_tmp])


@pytest.fixture
def current(child: MountChild) -> Path:
    return child.mountpoint / "current"


def test_everyday_work(current: Path) -> None:
    (current / "a").mkdir()
    (current / "a" / "file").write_bytes(b"hello")
    (current / "a" / "file").rename(current / "b")
    assert (current / "b").read_bytes() == b"hello"
    (current / "link").symlink_to("b")
    assert (current / "link").read_bytes() == b"hello"
    os.link(current / "b", current / "c")
    assert (current / "c").stat().st_nlink == 2
    (current / "b").write_bytes(b"other")
    assert (current / "c").read_bytes() == b"other"
    (current / "b").unlink()
    assert (current / "c").stat().st_nlink == 1
    assert sorted(path.name for path in current.iterdir()) == ["a", "c", "link"]
    (current / "a").rmdir()
    with pytest.raises(FileNotFoundError):
        (current / "b").stat()


def test_large_content_random_access_and_truncation(current: Path) -> None:
    content = bytearray(os.urandom(3_000_000))
    path = current / "large"
    path.write_bytes(content)
    with path.open("r+b") as file:
        for offset in (0, 65_535, 65_536, 1_234_567, 2_999_990):
            file.seek(offset)
            file.write(b"0123456789")
            content[offset : offset + 10] = b"0123456789"
    assert path.read_bytes() == content
    os.truncate(path, 100_000)
    os.truncate(path, 150_000)
    assert path.read_bytes() == content[:100_000] + bytes(50_000)


def test_attributes_can_be_set_and_read_back(current: Path) -> None:
    path = current / "a"
    path.touch()
    path.chmod(0o640)
    os.utime(path, ns=(1_500_000_000_000_000_001, 1_600_000_000_000_000_002))
    os.setxattr(path, "user.colour", b"blue")
    status = path.stat()
    assert status.st_mode & 0o7777 == 0o640
    assert (status.st_atime_ns, status.st_mtime_ns) == (1_500_000_000_000_000_001, 1_600_000_000_000_000_002)
    assert os.listxattr(path) == ["user.colour"]
    assert os.getxattr(path, "user.colour") == b"blue"
    os.removexattr(path, "user.colour")
    assert os.listxattr(path) == []


def test_errors_are_those_of_any_file_system(current: Path) -> None:
    (current / "d").mkdir()
    (current / "d" / "x").touch()
    for call, code in (
        (lambda: (current / "d").mkdir(), errno.EEXIST),
        (lambda: (current / "d").rmdir(), errno.ENOTEMPTY),
        (lambda: (current / "d").unlink(), errno.EISDIR),
        (lambda: (current / "d" / "x").rmdir(), errno.ENOTDIR),
        (lambda: (current / "d").rename(current / "d" / "y"), errno.EINVAL),
        (lambda: (current / ("n" * 256)).touch(), errno.ENAMETOOLONG),
        (lambda: (current.parent / "top").mkdir(), errno.EROFS),
        (lambda: os.mkfifo(current / "pipe"), errno.EPERM),
    ):
        with pytest.raises(OSError) as caught:
            call()
        assert caught.value.errno == code


@pytest.mark.parametrize("child", ["pyfuse3"], indirect=True)  # fusepy decodes names strictly and refuses this one
def test_a_name_that_is_not_utf8_works(current: Path) -> None:
    name = os.fsencode(current) + b"/\xff\xfe"
    with open(name, "wb") as file:  # noqa: PTH123 - a name of bytes
        file.write(b"x")
    assert b"\xff\xfe" in os.listdir(os.fsencode(current))  # noqa: PTH208


def test_a_tree_can_be_copied_in_and_compares_equal(current: Path) -> None:
    source = Path(json.__file__).parent
    shutil.copytree(source, current / "json", ignore=shutil.ignore_patterns("__pycache__"))
    differing = subprocess.run(
        ["diff", "-r", "-x", "__pycache__", source, current / "json"], capture_output=True, text=True
    )
    assert differing.stdout == ""
    shutil.rmtree(current / "json")
    assert not (current / "json").exists()


def test_the_functional_suite_passes(current: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "dualfuse.functional", str(current)], capture_output=True, text=True)
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["failed"] == []
    assert told["ok"]


def test_many_threads_at_once(current: Path) -> None:
    failed = []

    def work(mine: int) -> None:
        for number in range(30):
            path = current / f"{mine}-{number % 5}"
            body = f"{mine} {number}".encode() * 100
            path.write_bytes(body)
            if path.read_bytes() != body:
                failed.append((mine, number))

    threads = [threading.Thread(target=work, args=(mine,)) for mine in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


@pytest.mark.parametrize(("one", "two"), [("fusepy", "pyfuse3"), ("pyfuse3", "fusepy")])
def test_what_is_closed_on_one_mount_is_read_on_the_other(short_tmp: Path, one: str, two: str) -> None:
    """Close-to-open: growing, shrinking, replacing and removing, handed over again and again."""
    sides = [mounted(short_tmp / "1", short_tmp / "store.db", one)]
    try:
        sides.append(mounted(short_tmp / "2", short_tmp / "store.db", two))
        places = [side.mountpoint / "current" for side in sides]
        for number in range(300):
            writer, reader = places[number % 2], places[1 - number % 2]
            body = f"{number} ".encode() * ((number * 37) % 50)
            if number % 3:
                (writer / "shared").write_bytes(body)
            else:
                (writer / "new").write_bytes(body)
                (writer / "new").rename(writer / "shared")
            assert (reader / "shared").stat().st_size == len(body)
            assert (reader / "shared").read_bytes() == body
            (writer / f"n{number}").touch()
            assert (reader / f"n{number}").exists()
            (reader / f"n{number}").unlink()
            assert not (writer / f"n{number}").exists()
    finally:
        for side in sides:
            unmounted(side)


def test_what_was_fsynced_survives_the_death_of_the_process(child: MountChild, current: Path, short_tmp: Path) -> None:
    file = os.open(current / "a", os.O_WRONLY | os.O_CREAT)
    os.write(file, b"kept")
    os.fsync(file)
    os.write(file, b" not promised")
    child.process.kill()
    child.process.wait()
    with pytest.raises(OSError):
        os.close(file)
    child.let_go()
    again = mounted(short_tmp / "again", short_tmp / "store.db", child.backend)
    try:
        assert (again.mountpoint / "current" / "a").read_bytes() == b"kept"
    finally:
        unmounted(again)


def test_a_detached_mount_serves_what_is_open_and_then_ends(child: MountChild, current: Path) -> None:
    with (current / "a").open("w+b", buffering=0) as file:
        file.write(b"one")
        child.let_go()
        file.write(b" two")
        assert os.pread(file.fileno(), 100, 0) == b"one two"
        assert not child.ended()
    until(child.ended, 5.0)
    assert child.process.returncode == 0


def test_a_mount_process_imports_little() -> None:
    """Its memory is compared between backends: a heavy import would drown the difference."""
    code = "import bridge.mount_process, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"asyncio", "trio", "http", "starlette", "uvicorn", "prometheus_client", "subprocess", "hypothesis"}
    assert heavy & set(loaded) == set()
