"""Dead, hung and foreign mounts are found within their time, and their remedies take them off."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.worlds import KILLED, STOPPED, ask_in, serve

pytestmark = [pytest.mark.root, pytest.mark.fuse]


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
    "world",
    ["", "mkdir {0}/live", "ln -s {0}/gone {0}/live", "mkdir {0}/mnt; ln -s {0}/mnt {0}/live", serve("{0}/live")],
    ids=["absent", "empty", "dangling link", "link", "mounted"],
)
def test_a_live_path_that_can_be_used(short_tmp: Path, world: str) -> None:
    assert ask_in(short_tmp, "host.live-path", world.format(short_tmp)).finding is None
