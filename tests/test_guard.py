"""The tests' own guard: what is left behind is found, named and cleaned up, and a missing component fails in CI."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import leaks

REPOSITORY = Path(__file__).parent.parent

LEAVES_A_PROCESS = """
import subprocess
def test_leaves_a_process():
    subprocess.Popen(["sleep", "321"])
"""

LEAVES_A_MOUNT = """
import subprocess, sys, time
def test_leaves_a_mount(tmp_path):
    place = tmp_path / "with space"
    place.mkdir()
    code = f"import fuse; fuse.FUSE(fuse.Operations(), {str(place)!r}, foreground=True)"
    subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 20
    while not place.is_mount():
        assert time.monotonic() < deadline
        time.sleep(0.05)
"""

NEEDS_DOCKER = """
import pytest
@pytest.mark.docker
def test_needs_docker():
    pass
"""


def run_tests(folder: Path, source: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a test file under this project's conftest, in a pytest of its own."""
    file = folder / "test_it.py"
    file.write_text(source)
    (folder / "empty.ini").write_text("[pytest]\nmarkers =\n  docker: x\n  fuse: x\n")
    arguments = ["-p", "tests.conftest", "-c", str(folder / "empty.ini"), "-p", "no:cacheprovider", "--basetemp"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *arguments, str(folder / "base"), str(file)],
        capture_output=True,
        text=True,
        timeout=270,
        cwd=REPOSITORY,
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} | environment,  # they are slow to load
    )


def test_a_process_left_behind_fails_the_run_and_is_ended(short_tmp: Path) -> None:
    ended = run_tests(short_tmp, LEAVES_A_PROCESS)
    assert ended.returncode == 1
    named = re.search(r"process (\d+): sleep 321", ended.stdout)
    assert named, ended.stdout
    command = Path(f"/proc/{named[1]}/cmdline")
    assert not command.exists() or b"321" not in command.read_bytes()


@pytest.mark.fuse
def test_a_mount_left_behind_fails_the_run_and_is_detached(short_tmp: Path) -> None:
    ended = run_tests(short_tmp, LEAVES_A_MOUNT)
    assert ended.returncode == 1, ended.stdout
    assert re.search(r"mount /tmp/\S+/with space", ended.stdout), ended.stdout
    assert leaks.fuse_mounts([short_tmp]) == set()


def test_a_missing_component_fails_in_ci_and_is_counted_aloud_elsewhere(short_tmp: Path) -> None:
    without = {"DOCKER_HOST": f"unix://{short_tmp}/nobody.sock"}
    in_ci = run_tests(short_tmp, NEEDS_DOCKER, CI="true", **without)
    assert in_ci.returncode == 1
    assert "docker: " in in_ci.stdout
    on_a_laptop = run_tests(short_tmp, NEEDS_DOCKER, CI="", **without)
    assert on_a_laptop.returncode == 0
    assert "1 tests need docker: " in on_a_laptop.stdout
