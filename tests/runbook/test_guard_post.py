"""The guard's post, between real processes: one stands on it, and its death is seen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deployment.errors import LockedError
from runbook.guard_post import SILENT, GuardPost, started

GUARD = """
import pathlib, sys
from runbook.guard_post import GuardPost
post = GuardPost(pathlib.Path(sys.argv[1]))
with post.taken("watch"):
    post.look("the metrics do not answer", ["canary-1"])
    print("stands", flush=True)
    sys.stdin.read()
"""


def stand(state: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", GUARD, str(state)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "stands\n"
    return process


def test_nobody_stands_at_first(tmp_path: Path) -> None:
    seen = GuardPost(tmp_path).standing()
    assert (seen.alive, seen.lost) == (False, False)
    assert "nobody watches" in seen.words


def test_a_second_guard_is_refused_and_told_who_stands_there(tmp_path: Path) -> None:
    process = stand(tmp_path)
    try:
        seen = GuardPost(tmp_path).standing()
        assert (seen.alive, seen.lost, seen.trouble) == (True, False, "the metrics do not answer")
        assert seen.watches == ("canary-1",)
        with (
            pytest.raises(LockedError, match=f"has a guard: `watch` by process {process.pid}") as refused,
            GuardPost(tmp_path).taken("watch"),
        ):
            pytest.fail("two guards")
        assert refused.value.exit_code == 5
    finally:
        process.communicate()
    assert GuardPost(tmp_path).standing().lost is False


def test_a_guard_that_was_killed_is_missed_and_the_next_one_says_so(tmp_path: Path) -> None:
    process = stand(tmp_path)
    process.kill()
    process.communicate()
    seen = GuardPost(tmp_path).standing()
    assert (seen.alive, seen.lost) == (False, True)
    assert f"`watch` by process {process.pid} died" in seen.words
    with GuardPost(tmp_path).taken("watch") as lost:
        assert f"process {process.pid} died" in lost
    with GuardPost(tmp_path).taken("watch") as lost:
        assert lost == ""


def test_a_number_that_was_given_again_is_not_taken_for_the_guard(tmp_path: Path) -> None:
    note = {"pid": os.getpid(), "started": started(os.getpid()) - 1, "command": "watch", "since": 0, "trouble": ""}
    (tmp_path / "guard.json").write_text(json.dumps({**note, "at": time.time()}))
    assert f"process {os.getpid()} died" in GuardPost(tmp_path).standing().words


def test_a_guard_that_hangs_is_lost_although_it_holds_the_post(tmp_path: Path) -> None:
    post = GuardPost(tmp_path)
    with post.taken("watch"):
        post.look()
        note = json.loads((tmp_path / "guard.json").read_text())
        (tmp_path / "guard.json").write_text(json.dumps({**note, "at": time.time() - SILENT - 5}))
        seen = GuardPost(tmp_path).standing()
        assert (seen.alive, seen.lost) == (False, True)
        assert "has not looked for" in seen.words
