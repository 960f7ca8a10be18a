"""Exhibits: who may not mount, and why: no privilege, a filter, a namespace, /etc/fuse.conf."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.checks.museum.exhibit import NOBODY, PROBES, Exhibit
from tests.checks.worlds import overlay, serve

NO_NEW_PRIVILEGES = (*NOBODY, "--no-new-privs")
USER_NAMESPACE = ("unshare", "--user", "--map-root-user")


def refusing(*calls: str) -> tuple[str, ...]:
    """Return the command that starts another one under a seccomp filter that refuses these system calls."""
    return (sys.executable, "-m", "tests.checks.museum.filtered", ",".join(calls))


def _conf(world: Path, then: str) -> str:
    return overlay(world, "/etc") + then + "\n"


EXHIBITS = (
    Exhibit(
        "no_new_privs is set for an ordinary user",
        "host.capabilities",
        "no_new_privs is set",
        lambda _w: "",
        user=NO_NEW_PRIVILEGES,
        consequences=PROBES,
        probes=True,
    ),
    Exhibit(
        "fusermount3 is not setuid",
        "host.capabilities",
        "/usr/bin/fusermount3 is not setuid root",
        lambda w: overlay(w, "/usr/bin") + "chmod u-s /usr/bin/fusermount3\n",
        user=NOBODY,
        consequences=PROBES,
        probes=True,
    ),
    Exhibit(
        "fusermount3 belongs to another user",
        "host.capabilities",
        "/usr/bin/fusermount3 is not setuid root",
        lambda w: overlay(w, "/usr/bin") + "chown 1:1 /usr/bin/fusermount3; chmod 4755 /usr/bin/fusermount3\n",
        user=NOBODY,
    ),
    Exhibit(
        "fusermount3 on a file system mounted nosuid",
        "host.capabilities",
        "/usr/bin/fusermount3 lies on a file system mounted nosuid",
        lambda w: overlay(w, "/usr/bin") + "mount -o remount,nosuid /usr/bin\n",
        user=NOBODY,
        consequences=PROBES,
        probes=True,
    ),
    Exhibit(
        "user_allow_other is not set",
        "host.fuse-conf",
        "user_allow_other is not set in /etc/fuse.conf (warn)",
        lambda w: _conf(w, "sed -i /^user_allow_other/d /etc/fuse.conf"),
        user=NOBODY,
    ),
    Exhibit(
        "mount_max is reached",
        "host.fuse-conf",
        "mount_max is 1, and ",
        lambda w: _conf(w, "echo 'mount_max = 1' >> /etc/fuse.conf") + serve(f"{w.parent}/other"),
        user=NOBODY,
        consequences=PROBES,
        probes=True,
    ),
    Exhibit(
        "mount_max without blanks, which is passed over",
        "host.fuse-conf",
        "a line that fusermount3 does not know: 'mount_max=5000'",
        lambda w: _conf(w, "echo 'mount_max=5000' >> /etc/fuse.conf"),
        user=NOBODY,
    ),
    Exhibit(
        "/etc/fuse.conf for root only",
        "host.fuse-conf",
        "/etc/fuse.conf cannot be read by this user",
        lambda w: _conf(w, "chmod 600 /etc/fuse.conf"),
        user=NOBODY,
    ),
    Exhibit(
        "a user namespace in the host's mounts",
        "bridge.user-namespace",
        "this is a user namespace whose root may not mount here (fail)",
        lambda _w: "",
        user=USER_NAMESPACE,
        consequences=PROBES,
        probes=True,
    ),
    Exhibit(
        "a user namespace with mounts of its own",
        "bridge.user-namespace",
        "this is a user namespace with ids of its own (warn)",
        lambda _w: "",
        user=(*USER_NAMESPACE, "--mount"),
    ),
    Exhibit(
        "a filter refuses mount",
        "bridge.seccomp",
        "a seccomp filter refuses mount (fail)",
        lambda _w: "",
        user=refusing("mount"),
        consequences=PROBES,
        probes=True,
    ),
    Exhibit(
        "a filter refuses umount2",
        "bridge.seccomp",
        "a seccomp filter refuses umount2 (fail)",
        lambda _w: "",
        user=refusing("umount2"),
    ),
    Exhibit(
        "a filter answers EPERM to clone3",
        "bridge.seccomp",
        "a seccomp filter refuses clone3 with EPERM: no thread starts (fail)",
        lambda _w: "",
        user=refusing("clone3"),
    ),
    Exhibit(
        "a filter refuses the atomic swap",
        "bridge.seccomp",
        "a seccomp filter refuses move_mount (warn)",
        lambda _w: "",
        user=refusing("move_mount"),
    ),
)
