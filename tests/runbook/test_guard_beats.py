"""Heartbeats: N of M convict, a replaced mount is noticed, nothing here ever waits for a mount."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from runbook.guard_beats import LIMIT, Beats, ask, mounted_at
from tests.dualfuse.served import serve


class Asked:
    """Children that answer as the test says, and a table that shows what it says."""

    def __init__(self) -> None:
        self.answer = "true"
        self.device = "0:50"

    def start(self, _path: str) -> subprocess.Popen[bytes]:
        command = {"true": ["true"], "false": ["false"], "hang": ["sleep", "30"]}[self.answer]
        return subprocess.Popen(command, stderr=subprocess.PIPE)

    def beats(self) -> Beats:
        beats = Beats(self.start, lambda _path: self.device)
        beats.watch({"canary-1": "/mnt/canary"})
        return beats


def settle(beats: Beats, answers: int) -> None:
    """Take that many answers."""
    pulse = beats.pulses["canary-1"]
    until, before = time.monotonic() + 30, len(pulse.beats)
    while len(pulse.beats) < min(before + answers, 5) and time.monotonic() < until:
        beats.collect()
        time.sleep(0.005)


def test_three_misses_of_five_convict_and_an_answer_acquits() -> None:
    asked = Asked()
    beats = asked.beats()
    pulse = beats.pulses["canary-1"]
    said = []
    for answer in ("true", "false", "false"):
        asked.answer = answer
        beats.begin()
        settle(beats, 1)
        said.append(pulse.convicted)
    asked.answer = "false"
    beats.begin()
    settle(beats, 1)
    assert (said, pulse.convicted) == ([False] * 3, True)
    assert "3 of 4 heartbeats" in pulse.fault
    asked.answer = "true"
    beats.begin()
    settle(beats, 1)
    assert pulse.well


def test_what_is_late_is_a_miss_and_nobody_waits_for_it() -> None:
    asked = Asked()
    asked.answer = "hang"
    beats = asked.beats()
    for _ in range(3):
        beats.begin()
    assert not beats.pulses["canary-1"].beats
    settle(beats, 3)
    assert beats.pulses["canary-1"].convicted
    assert f"no answer within {LIMIT:g} s" in beats.pulses["canary-1"].fault
    beats.end()


def test_where_nothing_is_mounted_nothing_answers() -> None:
    asked = Asked()
    asked.device = ""
    beats = asked.beats()
    for _ in range(3):
        beats.begin()
    assert beats.pulses["canary-1"].convicted


@pytest.mark.parametrize(("changing", "fault"), [(False, "died and was replaced"), (True, "")])
def test_another_mount_in_its_place_is_a_death_unless_somebody_changes_it(changing: bool, fault: str) -> None:
    asked = Asked()
    beats = asked.beats()
    beats.begin()
    asked.device = "0:51"
    beats.begin(changing=changing)
    found = beats.pulses["canary-1"].fault
    assert fault in found if fault else not found
    beats.end()


def test_who_is_watched_no_more_is_forgotten() -> None:
    beats = Asked().beats()
    beats.watch({"canary-2": "/mnt/other"})
    assert set(beats.pulses) == {"canary-2"}


@pytest.mark.fuse
@pytest.mark.parametrize("backend", ["fusepy", "pyfuse3"])
def test_real_mounts_that_live_are_stopped_and_die(tmp_path: Path, backend: str) -> None:
    with serve("dualfuse.samples.memory:Memory", tmp_path / "m", backend) as daemon:
        path = str(daemon.mountpoint)
        assert mounted_at(path)
        child = ask(path)  # a name that is not there is an answer
        assert child.wait(10) in (0, 1)
        beats = Beats()
        beats.watch({"canary-1": path})
        beats.begin()
        settle(beats, 1)
        assert beats.pulses["canary-1"].well, beats.pulses["canary-1"]
        os.kill(daemon.pid, signal.SIGSTOP)
        try:
            for _ in range(3):
                beats.begin()
            settle(beats, 3)
            assert beats.pulses["canary-1"].convicted
        finally:
            os.kill(daemon.pid, signal.SIGCONT)
        beats.end()
        child.communicate()


@pytest.mark.fuse
@pytest.mark.root
def test_a_mount_that_takes_the_place_and_the_device_of_another_is_another(tmp_path: Path) -> None:
    shown, seen = tmp_path / "mnt", []
    shown.mkdir()
    for name in ("first", "second"):
        with serve("dualfuse.samples.memory:Memory", tmp_path / name, "fusepy"):
            subprocess.run(["mount", "--bind", str(tmp_path / name), str(shown)], check=True)
            try:
                seen.append(mounted_at(str(shown)))
            finally:
                subprocess.run(["umount", "--lazy", str(shown)], check=True)
    assert all(seen) and seen[0] != seen[1], seen
    assert not mounted_at(str(shown))
