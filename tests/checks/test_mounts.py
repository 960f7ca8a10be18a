"""Dead, hung and foreign mounts are found within their time, and their remedies take them off."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.checks.worlds import KILLED, NOBODY, STOPPED, ask_in, serve

pytestmark = [pytest.mark.root, pytest.mark.fuse]


@pytest.mark.parametrize(
    ("then", "seen"),
    [
        (KILLED, "live is a dead mount (its daemon is gone)"),
        (STOPPED, "live hangs (no answer within 1 s)"),
    ],
    ids=["killed", "stopped"],
)
def test_a_mount_that_does_not_answer_is_taken_off_the_live_path(short_tmp: Path, then: str, seen: str) -> None:
    begun = time.monotonic()
    asked = ask_in(short_tmp, "host.stale-mounts", serve(f"{short_tmp}/live", then), repair=True)
    assert asked.seen == f"{short_tmp}/{seen}"
    assert asked.repaired is None
    assert time.monotonic() - begun < 20


def test_a_mount_of_somebody_else_on_the_live_path(short_tmp: Path) -> None:
    world = f"mkdir {short_tmp}/live; mount -t tmpfs theirs {short_tmp}/live\n"
    asked = ask_in(short_tmp, "host.stale-mounts", world, repair=True)
    assert asked.seen == f"{short_tmp}/live is mounted by somebody else (tmpfs)"
    assert asked.repaired is None


def test_a_mount_left_over_in_the_state_folder(short_tmp: Path) -> None:
    path = f"{short_tmp}/state/instances/stable-1/mnt"
    asked = ask_in(short_tmp, "host.stale-mounts", serve(path), repair=True)
    assert asked.seen == f"{path} is left over from an instance that no longer exists"
    assert asked.repaired is None


def test_every_bad_mount_is_named_at_once(short_tmp: Path) -> None:
    state = f"{short_tmp}/state/instances"
    world = (
        serve(f"{state}/stable-1/mnt", STOPPED)
        + serve(f"{state}/canary-1/mnt", STOPPED)
        + serve(f"{short_tmp}/live", KILLED)
    )
    asked = ask_in(short_tmp, "host.stale-mounts", world, repair=True)
    assert asked.seen.count("hangs") == 2
    assert asked.seen.count("dead") == 1
    assert asked.repaired is None


@pytest.mark.parametrize(
    ("world", "seen"),
    [
        (serve("{0}/live", KILLED), "{0}/live is a dead mount"),
        (serve("{0}/live", STOPPED), "{0}/live hangs"),
        (serve("{0}/mnt", KILLED) + "ln -s {0}/mnt {0}/live", "{0}/live points to a dead mount"),
        ("mkdir {0}/live; touch {0}/live/theirs", "{0}/live is a plain directory that is not empty"),
        ("touch {0}/live", "{0}/live is a file"),
    ],
)
def test_a_live_path_that_cannot_be_used(short_tmp: Path, world: str, seen: str) -> None:
    asked = ask_in(short_tmp, "host.live-path", world.format(short_tmp), repair=not seen.endswith("hangs"))
    assert asked.seen == seen.format(short_tmp)
    assert asked.repaired is None


@pytest.mark.parametrize(
    "world",
    ["", "mkdir {0}/live", "ln -s {0}/gone {0}/live", "mkdir {0}/mnt; ln -s {0}/mnt {0}/live", serve("{0}/live")],
    ids=["absent", "empty", "dangling link", "link", "mounted"],
)
def test_a_live_path_that_can_be_used(short_tmp: Path, world: str) -> None:
    assert ask_in(short_tmp, "host.live-path", world.format(short_tmp)).finding is None


def test_an_ordinary_user_must_own_the_live_path(short_tmp: Path) -> None:
    asked = ask_in(short_tmp, "host.live-path", f"mkdir {short_tmp}/live", NOBODY)
    assert asked.seen == f"{short_tmp}/live is not writable for this user"
    asked = ask_in(short_tmp, "host.live-path", f"chmod 755 {short_tmp}; rmdir {short_tmp}/live", NOBODY)
    assert asked.seen.startswith(f"{short_tmp}/live does not exist and {short_tmp} is not writable")
