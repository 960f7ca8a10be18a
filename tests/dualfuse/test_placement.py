"""Where what is timed runs: both ways, for every thread, and as before afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dualfuse.benchmark.placement import placed

THREADS = "import threading, time; [threading.Thread(target=time.sleep, args=(60,), daemon=True).start() for _ in 'ab']"


@pytest.fixture
def daemon() -> Iterator[int]:
    command = [sys.executable, "-c", f"{THREADS}; print('up', flush=True); time.sleep(60)"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"up\n"
        yield running.pid
        running.kill()


def where(process: int) -> list[set[int]]:
    return [os.sched_getaffinity(int(thread.name)) for thread in Path(f"/proc/{process}/task").iterdir()]


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor")
@pytest.mark.parametrize("apart", [True, False])
def test_both_run_where_they_are_put_and_then_where_they_ran_before(daemon: int, apart: bool) -> None:
    usual = os.sched_getaffinity(0)
    with placed(daemon, apart=apart):
        mine = os.sched_getaffinity(0)
        theirs = where(daemon)
    assert len(mine) == 1
    assert len(theirs) == 3
    assert all(len(each) == 1 and (each != mine) is apart for each in theirs)
    assert os.sched_getaffinity(0) == usual
    assert all(each == usual for each in where(daemon))


def test_where_there_is_no_daemon_nothing_is_put_anywhere() -> None:
    usual = os.sched_getaffinity(0)
    with placed(None, apart=True):
        assert os.sched_getaffinity(0) == usual
