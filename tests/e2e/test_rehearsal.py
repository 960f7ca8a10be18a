"""The main job: nine weeks on real mounts under load, and nothing left behind however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from runbook.rehearsal.leftovers import left_behind
from tests.e2e.operator import PROGRAM
from tests.waiting import until

pytestmark = [pytest.mark.fuse, pytest.mark.haproxy]


@pytest.mark.timeout(1500)
def test_nine_weeks_lose_nothing_and_leave_nothing(short_tmp: Path) -> None:
    command = [*PROGRAM, "rehearse", "--json", "--folder", str(short_tmp / "box")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1450, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert [week["week"] for week in said["weeks"]] == list(range(9))
    assert (said["failed_operations"], said["left_behind"]) == (0, [])
    assert said["operations"] >= 10_000
    assert said["rolled_back_to"] == "fusepy"
    assert any("requirements" in line for line in said["purged"])
    assert left_behind(short_tmp / "box") == ()


def begin(box: Path, moment: str) -> subprocess.Popen[str]:
    """Start a rehearsal and return it once it has said the word."""
    log = box.with_suffix(".log")
    with log.open("w") as file:
        process = subprocess.Popen([*PROGRAM, "rehearse", "--folder", str(box)], stdout=file, stderr=file, text=True)
    until(lambda: moment in log.read_text() or process.poll() is not None, 60)
    assert process.poll() is None, log.read_text()[-2000:]
    return process


@pytest.mark.parametrize(
    ("moment", "number"),
    [("starting stable-1", signal.SIGINT), ("1/6", signal.SIGHUP), ("in week 1", signal.SIGTERM)],
)
def test_an_interrupted_rehearsal_leaves_nothing(short_tmp: Path, moment: str, number: int) -> None:
    box = short_tmp / "box"
    process = begin(box, moment)
    process.send_signal(number)
    assert process.wait(60) == 130, box.with_suffix(".log").read_text()[-4000:]
    assert left_behind(box) == ()


def test_a_killed_rehearsal_is_cleared_by_its_janitor(short_tmp: Path) -> None:
    box = short_tmp / "box"
    process = begin(box, "in week 1")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert left_behind(box) != ()
    until(lambda: left_behind(box) == (), 60)
