"""The host's checks, each asked in a world in which the thing is really broken, and after its remedy was executed."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.kernel import judge
from tests.checks import worlds
from tests.checks.worlds import NOBODY, ask_in, overlay

pytestmark = [pytest.mark.root, pytest.mark.fuse]


@pytest.mark.parametrize(
    "check",
    [
        "host.fuse-device",
        "host.libfuse2",
        "host.libfuse3",
        "host.fusermount",
        "host.capabilities",
        "host.disk",
        "host.ports",
        "host.stale-mounts",
        "host.live-path",
    ],
)
@pytest.mark.parametrize("user", [(), NOBODY], ids=["root", "nobody"])
def test_a_healthy_host_has_no_finding(short_tmp: Path, check: str, user: tuple[str, ...]) -> None:
    short_tmp.chmod(0o777)
    assert ask_in(short_tmp, check, user=user).finding is None


DEVICE = "mount -t tmpfs dev {0}/dev; cp -a /dev/null /dev/urandom /dev/shm {0}/dev/; mount --move {0}/dev /dev\n"


@pytest.mark.parametrize(
    ("world", "seen"),
    [
        ("", "/dev/fuse does not exist"),
        ("touch /dev/fuse\n", "/dev/fuse is not the character device 10:229"),
        ("mknod /dev/fuse c 1 3\n", "/dev/fuse is not the character device 10:229"),
    ],
)
def test_a_device_that_is_not_there_or_another_one_is_made_again(short_tmp: Path, world: str, seen: str) -> None:
    (short_tmp / "dev").mkdir()
    asked = ask_in(short_tmp, "host.fuse-device", DEVICE.format(short_tmp) + world, repair=True)
    assert (asked.seen, asked.repaired) == (seen, None)


def test_a_device_for_root_only_is_named_to_an_ordinary_user(short_tmp: Path) -> None:
    (short_tmp / "dev").mkdir()
    world = DEVICE.format(short_tmp) + "mknod -m 0600 /dev/fuse c 10 229\n"
    asked = ask_in(short_tmp, "host.fuse-device", world, NOBODY)
    assert asked.seen == "/dev/fuse cannot be opened: Permission denied (its mode is 0600)"
    assert asked.finding is not None
    assert asked.finding["commands"] == ["sudo chmod 0666 /dev/fuse"]


def test_a_device_on_a_file_system_without_devices_is_refused(short_tmp: Path) -> None:
    (short_tmp / "dev").mkdir()
    world = DEVICE.format(short_tmp) + "mknod -m 0666 /dev/fuse c 10 229; mount -o remount,nodev /dev\n"
    assert "cannot be opened: Permission denied" in ask_in(short_tmp, "host.fuse-device", world).seen


@pytest.mark.parametrize(
    ("check", "name", "package"),
    [("host.libfuse2", "libfuse.so.2", "libfuse2"), ("host.libfuse3", "libfuse3.so", "libfuse3-3")],
)
def test_a_library_that_is_not_installed(short_tmp: Path, check: str, name: str, package: str) -> None:
    folder = worlds.libraries()
    world = overlay(short_tmp, folder) + overlay(short_tmp, "/etc") + f"rm {folder}/{name}*; ldconfig\n"
    asked = ask_in(short_tmp, check, world)
    assert "is not installed" in asked.seen
    assert asked.finding is not None
    assert asked.finding["commands"] == [f"apt-get install -y {package}"]


@pytest.mark.parametrize(("check", "name"), [("host.libfuse2", "libfuse.so.2"), ("host.libfuse3", "libfuse3.so.3")])
def test_a_library_that_the_cache_does_not_list(short_tmp: Path, check: str, name: str) -> None:
    folder = worlds.libraries()
    world = overlay(short_tmp, folder) + overlay(short_tmp, "/etc")
    world += f"mv {folder}/{name}* {short_tmp}/above/; ldconfig; mv {short_tmp}/above/{name}* {folder}/\n"
    asked = ask_in(short_tmp, check, world, repair=True)
    assert asked.seen == f"{name} loads, but `ldconfig -p` does not list it"
    assert asked.repaired is None


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


def test_a_full_disk(short_tmp: Path) -> None:
    world = f"mount -t tmpfs -o size=20m small {short_tmp}; mkdir {short_tmp}/state\n"
    asked = ask_in(short_tmp, "host.disk", world)
    assert asked.seen.startswith("21 MB free for")
    assert "537 MB needed" in asked.seen


def test_a_disk_without_inodes(short_tmp: Path) -> None:
    world = f"mount -t tmpfs -o size=2g,nr_inodes=500 few {short_tmp}\n"
    assert "inodes free for" in ask_in(short_tmp, "host.disk", world).seen
