"""Commands that repair, with the right package names for the distribution and `sudo` where it takes root."""

from __future__ import annotations

import os
from pathlib import Path
from shlex import quote

_EVERYWHERE = {"haproxy": "haproxy"}
# Debian's fuse3 breaks and replaces its `fuse`: the two never go together, and `fuse3` ships `fusermount` as well.
_APT = {"libfuse2": "libfuse2", "libfuse3": "libfuse3-3", "helper": "fuse3", "ldconfig": "libc-bin", **_EVERYWHERE}
_APT_T64 = {
    "libfuse2": "libfuse2t64",
    "libfuse3": "libfuse3-4",
    "helper": "fuse3",
    "ldconfig": "libc-bin",
    **_EVERYWHERE,
}
_DNF = {"libfuse2": "fuse-libs", "libfuse3": "fuse3-libs", "helper": "fuse3", "ldconfig": "glibc", **_EVERYWHERE}
_APK = {"libfuse2": "fuse", "libfuse3": "fuse3-libs", "helper": "fuse3", "ldconfig": "musl-utils", **_EVERYWHERE}
_PACMAN = {"libfuse2": "fuse2", "libfuse3": "fuse3", "helper": "fuse3", "ldconfig": "glibc", **_EVERYWHERE}
_ZYPPER = {"libfuse2": "libfuse2", "libfuse3": "libfuse3-3", "helper": "fuse3", "ldconfig": "glibc", **_EVERYWHERE}


class Safe(str):
    """A command that a screen may run: it only looks, or it shows what it changes before and keeps what was."""

    __slots__ = ()


def ours(words: str) -> Safe:
    """Return a command of this tool that is safe to run; one that moves the deployment is not."""
    return Safe(f"lighthouse-migrate {words}")


def as_root(command: str) -> str:
    """Return a command as this user has to type it."""
    return command if os.geteuid() == 0 else f"sudo {command}"


def sudo(command: str) -> str:
    """Return a command for the host's root, who may be another one than root here."""
    return f"sudo {command}"


def with_sys_admin(command: str) -> str:
    """Return the command by which the host's root starts another as this user, with the privilege to mount."""
    user = f"--reuid {os.geteuid()} --regid {os.getegid()} --clear-groups"
    return sudo(f"setpriv {user} --inh-caps=-all,+sys_admin --ambient-caps=-all,+sys_admin {command}")


def add_line(line: str, file: str) -> str:
    """Return the command that adds a line to a file."""
    return as_root(f"sh -c 'echo {line} >> {file}'")


def install(thing: str) -> str:
    """Return the command that installs "libfuse2", "libfuse3", "helper" (fusermount3), "haproxy" or "ldconfig" here."""
    release = os_release()
    family = {release.get("ID", ""), *release.get("ID_LIKE", "").split()}
    if family & {"fedora", "rhel", "centos"}:
        return as_root(f"dnf install -y {_DNF[thing]}")
    if "alpine" in family:
        return as_root(f"apk add {_APK[thing]}")
    if "arch" in family:
        return as_root(f"pacman -S --noconfirm {_PACMAN[thing]}")
    if family & {"suse", "opensuse"}:
        return as_root(f"zypper install -y {_ZYPPER[thing]}")
    return as_root(f"apt-get install -y {apt_package(thing, release)}")


def reinstall(thing: str) -> str:
    """Return the command that installs a thing anew over what is there."""
    return install(thing).replace("install -y", "install --reinstall -y")


def apt_package(thing: str, release: dict[str, str]) -> str:
    """Return a thing's Debian package; names changed with Debian 13 and Ubuntu 24.04."""
    version = release.get("VERSION_ID", "")
    number = float(version) if version.replace(".", "", 1).isdigit() else 0.0
    if release.get("ID") == "ubuntu":
        if thing == "libfuse3" and number < 25.04:
            return "libfuse3-3"
        return (_APT_T64 if number >= 24.04 else _APT)[thing]
    return (_APT_T64 if number >= 13 else _APT)[thing]


def os_release(path: Path = Path("/etc/os-release")) -> dict[str, str]:
    """Return what the distribution says of itself, empty where it says nothing."""
    if not path.is_file():
        return {}
    pairs = (line.partition("=") for line in path.read_text().splitlines() if "=" in line)
    return {name: value.strip().strip('"') for name, _, value in pairs}


def clear_mount(path: str) -> str:
    """Return the command that takes a dead or hung mount off a path; plain `umount` is busy or hangs itself."""
    return f"umount -l {quote(path)}" if os.geteuid() == 0 else f"fusermount3 -uz {quote(path)}"


def abort_connection(number: str) -> str:
    """Return the command that frees everybody who waits for a hung FUSE daemon; `umount` itself would wait too."""
    control = "/sys/fs/fuse/connections"
    mounted = f"mountpoint -q {control} || mount -t fusectl fusectl {control}"
    return as_root(f"sh -c '{mounted}; echo 1 > {control}/{number}/abort'")
