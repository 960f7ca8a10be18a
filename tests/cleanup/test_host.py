"""The old library's packages go from a host, and nothing goes with them: in real containers, with the real apt."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from benchmarks.cleaning import layouts
from cleanup.host import Host
from deployment.errors import ChangeFailedError, HeldError
from deployment.targets.local_wheels import PREBUILT

WHEELS = Path(os.environ.get(PREBUILT) or layouts.REPOSITORY / ".cache/wheels")
#: apt and dpkg as they answer where sshfs still needs libfuse2.
NEEDED = """#!/bin/sh
case "$*" in
*dpkg-query*) echo "installed libfuse2"; echo "installed fuse3" ;;
*apt-get*-s*) echo "Purg libfuse2 [2.9.9-6]"; echo "Purg oldfs [1.0]" ;;
*) exit 0 ;;
esac
"""


@pytest.mark.docker
@pytest.mark.fuse
@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("A", ("remove libfuse2",)),
        ("B", ("install fuse3, remove fuse", "remove libfuse2")),
    ],
)
def test_afterwards_pyfuse3_mounts_as_root_and_as_an_ordinary_user(name: str, steps: tuple[str, ...]) -> None:
    done = layouts.purged(name, WHEELS)
    assert done.mounts == {"root": True, "uid 1000": True}
    assert done.right, done
    assert done.steps == steps


def answering(folder: Path, script: str) -> Host:
    """Return a host whose every command is answered by a script."""
    file = folder / "answer"
    file.write_text(script)
    file.chmod(0o755)
    return Host((str(file),))


def test_what_would_take_something_else_along_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(HeldError, match="apt would remove oldfs too") as refusal:
        answering(tmp_path, NEEDED).next()
    assert "apt-get -s remove --purge libfuse2" in refusal.value.hint


def test_what_apt_cannot_do_is_said_in_its_words(tmp_path: Path) -> None:
    script = (
        '#!/bin/sh\ncase "$*" in *dpkg-query*) echo "installed fuse";;'
        ' *) echo "E: no such thing" >&2; exit 100;; esac\n'
    )
    with pytest.raises(ChangeFailedError, match="apt cannot install --no-install-recommends fuse3: E: no such thing"):
        answering(tmp_path, script).next()


def test_a_host_without_the_old_library_has_nothing_to_do(tmp_path: Path) -> None:
    assert answering(tmp_path, '#!/bin/sh\ncase "$*" in *dpkg-query*) echo "installed fuse3";; esac\n').next() is None


@pytest.mark.fuse
def test_a_process_that_has_the_library_mapped_is_named(tmp_path: Path) -> None:
    code = "import ctypes, sys; ctypes.CDLL('libfuse.so.2'); print('ready', flush=True); sys.stdin.read()"
    child = subprocess.Popen(["python3", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == b"ready\n"
        assert any(line.startswith(f"{child.pid} python3") for line in Host().users_of_library())
    finally:
        child.stdin.close()
        child.stdout.close()
        child.wait(10)
    assert not any(line.startswith(f"{child.pid} ") for line in Host().users_of_library())
