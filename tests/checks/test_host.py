"""The host's checks, each asked in a world in which the thing is really broken, and after its remedy was executed."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.kernel import judge
from tests.checks import worlds
from tests.checks.worlds import NOBODY, ask_in, overlay

pytestmark = [pytest.mark.root, pytest.mark.fuse]


@pytest.mark.parametrize(("check", "name"), [("host.libfuse2", "libfuse.so.2"), ("host.libfuse3", "libfuse3.so.3")])
def test_a_library_that_is_listed_and_broken(short_tmp: Path, check: str, name: str) -> None:
    folder = worlds.libraries()
    world = overlay(short_tmp, folder) + f"echo broken > $(readlink -f {folder}/{name})\n"
    asked = ask_in(short_tmp, check, world)
    assert asked.seen.startswith(f"{name} is listed but does not load:")
    assert asked.finding is not None
    assert "--reinstall" in asked.finding["commands"][0]


def test_a_host_without_ldconfig(short_tmp: Path) -> None:
    world = overlay(short_tmp, "/usr/sbin") + "rm /usr/sbin/ldconfig*\n"
    assert ask_in(short_tmp, "host.libfuse2", world).seen == "there is no ldconfig"


@pytest.mark.parametrize(("user", "severity"), [((), "warn"), (NOBODY, "fail")], ids=["root", "nobody"])
def test_missing_helpers_hold_ordinary_users_only(short_tmp: Path, user: tuple[str, ...], severity: str) -> None:
    world = overlay(short_tmp, "/usr/bin") + "rm /usr/bin/fusermount /usr/bin/fusermount3\n"
    asked = ask_in(short_tmp, "host.fusermount", world, user)
    assert asked.seen == "fusermount3 and fusermount are not on the PATH"
    assert asked.finding is not None
    assert (asked.finding["severity"], asked.finding["commands"][0].split()[-1]) == (severity, "fuse3")


@pytest.mark.parametrize(
    ("world", "user", "seen"),
    [
        ("", worlds.ROOT_WITHOUT_SYS_ADMIN, "root without CAP_SYS_ADMIN"),
        ("", worlds.NO_NEW_PRIVILEGES, "no_new_privs is set"),
        ("rm /usr/bin/fusermount3\n", NOBODY, "no CAP_SYS_ADMIN and no helper"),
        ("chmod u-s /usr/bin/fusermount3\n", NOBODY, "/usr/bin/fusermount3 is not setuid root"),
        ("mount -o remount,nosuid /usr/bin\n", NOBODY, "/usr/bin/fusermount3 lies on a file system mounted nosuid"),
    ],
)
def test_who_may_not_mount_is_told_why(short_tmp: Path, world: str, user: tuple[str, ...], seen: str) -> None:
    asked = ask_in(short_tmp, "host.capabilities", overlay(short_tmp, "/usr/bin") + world, user)
    assert asked.seen == seen
    assert asked.finding is not None
    assert asked.finding["remedy"]


@pytest.mark.parametrize(
    ("release", "privileged", "severity"),
    [
        ("6.5.0", True, None),
        ("6.18.44-fc", True, None),
        ("7.0", True, None),
        ("6.4.9-amd64", True, "warn"),
        ("5.15.0-91-generic", True, "warn"),
        ("5.15.0-91-generic", False, None),
        ("unknown", True, "unknown"),
    ],
)
def test_the_kernel_decides_how_mounts_are_swapped(release: str, privileged: bool, severity: str | None) -> None:
    finding = judge(release, privileged=privileged)
    assert (finding.severity if finding else None) == severity
