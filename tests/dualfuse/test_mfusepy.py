"""mfusepy, the third backend, does what pyfuse3 does, but for what libfuse2 did not do either."""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path

import pytest

from dualfuse.parity import compare
from tests.dualfuse.served import serve

pytestmark = pytest.mark.fuse

LOOPBACK = "dualfuse.samples.loopback:Loopback"
FRESH = ["entry_timeout=0,attr_timeout=0"]
NOREPLACE, EXCHANGE = 1, 2
AT_FDCWD = -100


def test_parity_with_pyfuse3(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    with (
        serve(LOOPBACK, tmp_path / "a", "mfusepy", [f"root={tmp_path / 'one'}"], FRESH) as a,
        serve(LOOPBACK, tmp_path / "b", "pyfuse3", [f"root={tmp_path / 'other'}"], FRESH) as b,
    ):
        report = compare(a.mountpoint, b.mountpoint, 300, seed=2)
    assert (report.ok, report.steps, report.differences, report.against_plain) == (True, 300, [], [])


@pytest.mark.parametrize("flags", [NOREPLACE, EXCHANGE])
def test_no_file_is_lost_by_a_rename_with_flags(tmp_path: Path, flags: int) -> None:
    rename = ctypes.CDLL(None, use_errno=True).renameat2
    with serve("dualfuse.samples.memory:Memory", tmp_path / "m", "mfusepy") as daemon:
        old, new = Path(daemon.mountpoint, "old"), Path(daemon.mountpoint, "new")
        old.write_bytes(b"old")
        new.write_bytes(b"new")
        answer = rename(AT_FDCWD, os.fsencode(old), AT_FDCWD, os.fsencode(new), flags)
        assert (answer, ctypes.get_errno()) in [(-1, errno.EINVAL), (-1, errno.EEXIST)]
        assert (old.read_bytes(), new.read_bytes()) == (b"old", b"new")


def test_a_truncating_open_without_an_open_of_its_own(tmp_path: Path) -> None:
    with serve("tests.dualfuse.odd:Duck", tmp_path / "m", "mfusepy") as daemon:
        with pytest.raises(OSError, match="not supported"):
            os.close(os.open(Path(daemon.mountpoint, "file"), os.O_WRONLY | os.O_TRUNC))
        assert Path(daemon.mountpoint, "file").read_bytes() == b"duck"
