"""Exhibits: the device is gone, another one, closed, or forbidden."""

from __future__ import annotations

from pathlib import Path

from tests.checks.museum.exhibit import NOBODY, PROBES, Exhibit, grouped_by, name_of


def own_dev(then: str) -> str:
    """Return shell commands that give the world a /dev of its own, without the device, and then do something to it."""
    return (
        "mkdir /tmp/lm-dev.$$; mount -t tmpfs -o mode=0755 dev /tmp/lm-dev.$$\n"
        "cp -a /dev/null /dev/zero /dev/urandom /dev/tty /dev/fd /dev/stdin /dev/stdout /dev/stderr /tmp/lm-dev.$$/\n"
        "mkdir -m 1777 /tmp/lm-dev.$$/shm; mount --make-private /\n"
        f"mount --move /tmp/lm-dev.$$ /dev; rmdir /tmp/lm-dev.$$; mount --make-rshared /\n{then}\n"
    )


def _cgroup(world: Path) -> str:
    """Return shell commands that put the world into a control group that forbids the device."""
    group = f"/sys/fs/cgroup/devices/{name_of(world)}"
    return f"mkdir {group}; echo $$ > {group}/cgroup.procs; echo 'c 10:229 rwm' > {group}/devices.deny\n"


EXHIBITS: tuple[Exhibit, ...] = (
    Exhibit(
        "no device",
        "host.fuse-device",
        "/dev/fuse does not exist",
        lambda _w: own_dev(""),
        consequences=PROBES,
        probes=True,
    ),
    Exhibit(
        "a plain file in the device's place",
        "host.fuse-device",
        "/dev/fuse is not the character device 10:229",
        lambda _w: own_dev("touch /dev/fuse"),
        consequences=PROBES,
        probes=True,
    ),
    Exhibit(
        "another device in the device's place",
        "host.fuse-device",
        "/dev/fuse is not the character device 10:229",
        lambda _w: own_dev("mknod /dev/fuse c 1 3"),
    ),
    Exhibit(
        "a device for root only, asked by an ordinary user",
        "host.fuse-device",
        "cannot be opened: Permission denied (its mode is 0600)",
        lambda _w: own_dev("mknod -m 0600 /dev/fuse c 10 229"),
        user=NOBODY,
        consequences=PROBES,
        probes=True,
    ),
    Exhibit(
        "a device on a file system mounted nodev",
        "host.fuse-device",
        "lies on a file system mounted nodev",
        lambda _w: "mount --bind /dev/fuse /dev/fuse; mount -o remount,bind,nodev /dev/fuse\n",
        consequences=PROBES,
        probes=True,
    ),
)

if grouped_by("devices"):
    EXHIBITS += (
        Exhibit(
            "a device that the control group forbids",
            "host.fuse-device",
            "/dev/fuse cannot be opened: Operation not permitted",
            _cgroup,
            consequences=PROBES,
            probes=True,
        ),
    )
