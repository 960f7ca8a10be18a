"""Existing classes run unchanged: mixins, duck typing, float times, context, init and destroy, order of calls."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.dualfuse.served import BACKENDS, serve

pytestmark = pytest.mark.fuse


def test_a_call_override_sees_every_operation(tmp_path: Path, backend: str) -> None:
    log = tmp_path / "log"
    with serve("tests.dualfuse.odd:Logged", tmp_path / "m", backend, [f"log={log}"]) as daemon:
        place = Path(daemon.mountpoint)
        (place / "f").write_bytes(b"x")
        assert (place / "f").read_bytes() == b"x"
        (place / "f").chmod(0o600)
    seen = log.read_text()
    for operation in ("getattr", "create", "write", "read", "flush", "release", "chmod", "init", "destroy"):
        assert re.search(rf"^{operation} /", seen, re.MULTILINE), f"{operation} did not pass through __call__"


def test_a_class_on_fusepys_own_bases(tmp_path: Path, backend: str) -> None:
    """Operations, LoggingMixIn and FuseOSError of the module fuse itself, as such classes were written for years."""
    with serve("tests.dualfuse.old_style:OldStyle", tmp_path / "m", backend) as daemon:
        place = Path(daemon.mountpoint)
        assert [path.name for path in place.iterdir()] == ["who"]
        assert (place / "who").read_bytes() == str(os.getpid()).encode()
        assert os.listxattr(place / "who") == [], "what the base class says"
        for call, words in (
            (lambda: os.getxattr(place / "who", "user.x"), "not supported"),
            ((place / "none").stat, "No such file"),
            ((place / "new").mkdir, "Read-only"),
        ):
            with pytest.raises(OSError, match=words):
                call()
        assert daemon.stop() == 0


def test_a_class_that_inherits_nothing(tmp_path: Path, backend: str) -> None:
    with serve("tests.dualfuse.odd:Duck", tmp_path / "m", backend) as daemon:
        place = Path(daemon.mountpoint)
        assert [path.name for path in place.iterdir()] == ["file"]
        assert (place / "file").read_bytes() == b"duck"
        assert (place / "file").stat().st_mtime_ns == 1234567890_250000000
        assert (place / "file").stat().st_nlink == 0
        assert os.statvfs(place).f_namemax == 255
        with pytest.raises(OSError, match="not implemented"):
            (place / "new").mkdir()
        for call in (lambda: os.getxattr(place / "file", "user.x"), lambda: os.listxattr(place / "file")):
            with pytest.raises(OSError, match="not supported"):  # what the kernel makes of "not implemented"
                call()


def test_float_times(tmp_path: Path, backend: str) -> None:
    under = tmp_path / "under"
    under.mkdir()
    with serve("tests.dualfuse.odd:FloatTimes", tmp_path / "m", backend, [f"root={under}"]) as daemon:
        file = Path(daemon.mountpoint, "f")
        file.touch()
        os.utime(file, (1.5, 1_600_000_000.75))
        assert (file.stat().st_atime, file.stat().st_mtime) == (1.5, 1_600_000_000.75)
        assert ((under / "f").stat().st_atime, (under / "f").stat().st_mtime) == (1.5, 1_600_000_000.75)


@pytest.mark.parametrize("imported", ["", "early", "late"])
def test_the_context_of_the_caller(tmp_path: Path, backend: str, imported: str) -> None:
    """The function is dualfuse's, or fusepy's: imported with the class, or not before an operation needs it."""
    with serve("tests.dualfuse.odd:Context", tmp_path / "m", backend, [f"imported={imported}"]) as daemon:
        place = Path(daemon.mountpoint)
        (place / "new").mkdir()
        wanted = f"{os.getuid()} {os.getgid()} {os.getpid()}"
        for operation in ("getattr", "open", "mkdir", "read"):
            with (place / operation).open("rb", buffering=0) as stream:
                assert stream.read(100).decode() == wanted, operation


def test_the_class_sees_the_same_calls_on_both(tmp_path: Path) -> None:
    """Order and arguments are those of libfuse2; how often getattr is asked is the affair of the kernel."""
    calls = {}
    for backend in BACKENDS:
        under = tmp_path / f"under-{backend}"
        under.mkdir()
        log = tmp_path / f"log-{backend}"
        recorder = "tests.dualfuse.odd:Recorder"
        with serve(recorder, tmp_path / backend, backend, [f"root={under}", f"log={log}"]) as daemon:
            place = Path(daemon.mountpoint)
            (place / "d").mkdir(0o700)
            (place / "d" / "f").write_bytes(b"0123456789")
            descriptor = os.open(place / "d" / "f", os.O_RDWR | os.O_TRUNC)
            os.ftruncate(descriptor, 7)
            os.close(descriptor)
            os.truncate(place / "d" / "f", 3)
            os.mknod(place / "d" / "n", 0o100600)
            os.utime(place / "d" / "f", ns=(10**18, 2 * 10**18))
        lines = [line for line in log.read_text().splitlines() if not line.startswith("getattr ")]
        # descriptors differ from run to run; RELEASE is sent after close has returned, so its place may differ
        calls[backend] = sorted(re.sub(r"(release .*, |truncate .*, )\d+\)$", r"\1N)", line) for line in lines)
    assert calls["fusepy"] == calls["pyfuse3"]
    assert "mkdir ('/d', 448)" in calls["fusepy"]
    assert "init ('/',)" in calls["fusepy"]
    assert "destroy ('/',)" in calls["fusepy"]
