"""Children that may be left behind: their answers, and their silence."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from checks import proc
from checks.disposable import Look, NoAnswerError, ask, ask_python, look_at
from tests.waiting import until


def test_a_command_that_is_late_is_abandoned() -> None:
    begun = time.monotonic()
    answer = ask([sys.executable, "-c", "import time; time.sleep(60)"], 0.3)
    assert answer.returncode is None
    assert time.monotonic() - begun < 30


def test_a_child_whose_own_child_holds_the_pipe_is_abandoned_too(tmp_path: Path) -> None:
    begun, pid = time.monotonic(), tmp_path / "pid"
    assert ask(["sh", "-c", f"sleep 60 & echo $! > {pid}"], 0.3).returncode is None
    until(lambda: pid.exists() and pid.read_text())
    os.kill(int(pid.read_text()), signal.SIGKILL)
    assert time.monotonic() - begun < 30


def test_what_a_child_says_comes_back() -> None:
    assert ask_python("import json, sys; print('noise'); print(json.dumps(sys.argv[1:]))", "a b", timeout=20) == ["a b"]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("raise SystemExit('no such library')", "it ended with 1 and no result: no such library"),
        ("pass", "it ended with 0 and no result: it printed nothing"),
        ("1 / 0", "it ended with 1 and no result: ZeroDivisionError: division by zero"),
    ],
)
def test_a_child_without_an_answer_is_told_with_its_last_words(code: str, told: str) -> None:
    with pytest.raises(NoAnswerError) as error:
        ask_python(code, timeout=20)
    assert error.value.message == told


def test_paths_are_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    (tmp_path / "link").symlink_to("full")
    (tmp_path / "dangling").symlink_to("nowhere")
    assert look_at(str(tmp_path / "full"), entries=True) == Look(True, True, empty=False, writable=True)
    assert look_at(str(tmp_path / "full")).empty is None
    assert look_at(str(tmp_path / "full/file")) == Look(True, writable=True)
    assert look_at(str(tmp_path / "link")) == Look(True, True, link=True, writable=True)
    assert look_at(str(tmp_path / "dangling")) == Look(False, link=True)
    assert look_at(str(tmp_path / "nowhere")) == Look(False)
    assert look_at(str(tmp_path / "full/file/below")).error == "ENOTDIR"


def children() -> set[int]:
    return {pid for pid in proc.pids() if next(proc.parents(pid), None) == os.getpid()}


def test_looking_leaves_no_child_behind(tmp_path: Path) -> None:
    before = children()
    for _ in range(3):
        look_at(str(tmp_path))
    assert children() <= before  # neither running nor waiting to be collected
