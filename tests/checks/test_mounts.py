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


@pytest.mark.parametrize("check", ["host.stale-mounts", "host.hung-requests", "host.live-path"])
def test_a_mount_that_is_busy_does_not_hang(short_tmp: Path, check: str) -> None:
    live = f"{short_tmp}/live"
    clients = f"for n in 1 2 3 4; do (while :; do echo x > {live}/$n; cat {live}/$n; done) >/dev/null 2>&1 & done\n"
    finding = ask_in(short_tmp, check, serve(live) + clients).finding
    # that no instance of the deployment serves it is all there is to say of it
    assert finding is None or (check, "hangs" in finding["seen"]) == ("host.stale-mounts", False)


def test_where_waiting_requests_cannot_be_counted_it_says_so(short_tmp: Path) -> None:
    world = f"{serve(f'{short_tmp}/live')}umount /sys/fs/fuse/connections 2>/dev/null || true\n"
    asked = ask_in(short_tmp, "host.hung-requests", world, repair=True)
    assert asked.seen.endswith("/live cannot be read")
    assert asked.finding is not None
    assert asked.finding["severity"] == "unknown"
    assert asked.repaired is None  # fusectl is mounted again


@pytest.mark.parametrize(
    "world",
    ["", "mkdir {0}/live", "ln -s {0}/gone {0}/live", "mkdir {0}/mnt; ln -s {0}/mnt {0}/live", serve("{0}/live")],
    ids=["absent", "empty", "dangling link", "link", "mounted"],
)
def test_a_live_path_that_can_be_used(short_tmp: Path, world: str) -> None:
    assert ask_in(short_tmp, "host.live-path", world.format(short_tmp)).finding is None


def test_a_mount_that_is_only_slow_does_not_hang(short_tmp: Path) -> None:
    world = serve(f"{short_tmp}/live").replace("dualfuse.samples.memory:Memory", "tests.checks.museum.stuck:Slow")
    assert ask_in(short_tmp, "host.live-path", world).finding is None
