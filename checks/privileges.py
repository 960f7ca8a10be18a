"""What keeps a process from mounting although it looks entitled to: a seccomp filter, a user namespace, AppArmor,
SELinux. Each is asked where the Bridge runs, by system calls that cannot succeed and fail differently where they may
be made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from checks import place, remedies, words
from checks.check import Check, Context, Finding, Severity

_MOUNT_NEEDS = "Both backends mount by that system call, or their helper does."
_WHOLE_MAP = ["0", "0", "4294967295"]  # /proc/self/uid_map outside of every user namespace

# A target that does not exist is looked up before any privilege is asked for, and a type of file system that does not
# exist after it: so ENOENT says that no filter stood in the way, and ENODEV that this process may mount here.
_LOOK = """
import ctypes, errno, json, os, threading
libc = ctypes.CDLL(None, use_errno=True)
def said(function, *arguments):
    ctypes.set_errno(0)
    return errno.errorcode.get(ctypes.get_errno(), "") if function(*arguments) == -1 else ""
def text(path):
    try:
        with open(path) as file:
            return file.read().strip("\\0\\n ")
    except OSError:
        return ""
lines = (line.partition(":") for line in text("/proc/self/status").splitlines())
status = {name: value.strip() for name, _, value in lines}
nowhere = b"/lighthouse-migrate-nowhere"
try:
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()
    threads = True
except RuntimeError:
    threads = False
print(json.dumps({
    "filtered": status.get("Seccomp") == "2",
    "calls": {
        "mount": said(libc.mount, b"none", nowhere, b"fuse", 6, None),
        "umount2": said(libc.umount2, nowhere, 2),
        "open_tree": said(libc.syscall, 428, -1, b"", 0),
        "move_mount": said(libc.syscall, 429, -1, b"x", -1, b"x", 0),
    },
    "threads": threads,
    "may_mount": said(libc.mount, b"none", b"/", b"lighthouse-none", 6, None),
    "sys_admin": bool(int(status.get("CapEff", "0"), 16) >> 21 & 1),
    "uid_map": text("/proc/self/uid_map").split(),
    "label": text("/proc/self/attr/apparmor/current") or text("/proc/self/attr/current"),
    "apparmor": text("/sys/module/apparmor/parameters/enabled") == "Y",
    "helper_confined": os.path.exists("/etc/apparmor.d/fusermount3")
        and not os.path.lexists("/etc/apparmor.d/disable/fusermount3"),
    "selinux": text("/sys/fs/selinux/enforce") == "1",
}))
"""


def seccomp(context: Context) -> Finding | None:
    """Make each system call a mount takes so that it must fail, and see whether a filter refuses it."""
    found = place.look(context, _LOOK)
    if not found["filtered"]:
        return None
    remedy = "start it with the kit's seccomp profile, or with a filter that allows them"
    commands = place.started_with(
        f"--device /dev/fuse --cap-add SYS_ADMIN --security-opt seccomp={place.profile(context)}", "bridge.seccomp"
    )
    if not found["threads"]:
        seen = "a seccomp filter refuses clone3 with EPERM: no thread starts"
        return Finding(seen, "It must answer ENOSYS, so that the C library takes clone.", remedy, commands)
    refused = [name for name, error in found["calls"].items() if error == "EPERM"]
    needed = [name for name in ("mount", "umount2") if name in refused]
    if needed:
        return Finding(f"a seccomp filter refuses {words.listed(needed)}", _MOUNT_NEEDS, remedy, commands)
    if refused and found["sys_admin"]:
        seen = f"a seccomp filter refuses {words.listed(refused)}"
        why = "Mounts cannot be swapped beneath one another: the live path is swapped by mounting over it."
        return Finding(seen, why, remedy, commands, Severity.WARN)
    return None


def user_namespace(context: Context) -> Finding | None:
    """Compare the map of user ids with the one outside of every user namespace, and try whether a mount is allowed."""
    found = place.look(context, _LOOK)
    if found["uid_map"] == _WHOLE_MAP or not found["uid_map"]:
        return None
    remedy = "start the Bridge outside of the user namespace"
    command = (remedies.sudo(place.again("bridge.user-namespace")),)
    if found["may_mount"] == "EPERM":
        seen = "this is a user namespace whose root may not mount here"
        return Finding(seen, "CAP_SYS_ADMIN counts for nothing where the mounts are the host's.", remedy, command)
    seen = "this is a user namespace with ids of its own"
    why = "A mount made here serves its own users only, even with allow_other."
    return Finding(seen, why, remedy, command, Severity.WARN)


def apparmor(context: Context) -> Finding | None:
    """Read this process's AppArmor label, and whether the helper is confined to certain folders."""
    live = context.place.live.absolute()
    return judge_apparmor(place.look(context, _LOOK), live, Path.home())


# /etc/apparmor.d/fusermount3 of Ubuntu since 24.10
_ALLOWED = ("/mnt/", "/media/", "/tmp/", "/run/user/", "/cvmfs/")


def judge_apparmor(found: dict[str, Any], live: Path, home: Path) -> Finding | None:
    """Return what AppArmor forbids, from what was seen in the Bridge's place."""
    if not found["apparmor"]:
        return None
    label = found["label"]
    confined = label and not label.startswith("unconfined")
    if confined and found["may_mount"] == "EACCES":
        commands = place.started_with(
            "--device /dev/fuse --cap-add SYS_ADMIN --security-opt apparmor=unconfined", "bridge.apparmor"
        )
        remedy = "start it with --security-opt apparmor=unconfined, or with a profile that allows mount"
        return Finding(f"AppArmor's profile {label} forbids to mount", _MOUNT_NEEDS, remedy, commands)
    if found["helper_confined"] and not found["sys_admin"] and not f"{live}/".startswith((*_ALLOWED, f"{home}/")):
        seen = f"AppArmor's profile fusermount3 forbids to mount at {live}"
        why = "Since Ubuntu 24.10 it allows /mnt, /media, /tmp and the home folder only, in containers too."
        rule = f"mount fstype=@{{fuse_types}} options=(nosuid,nodev) options in (ro,rw) -> {live}/**,"
        commands = (
            remedies.as_root(f"sh -c 'echo \"{rule}\" >> /etc/apparmor.d/local/fusermount3'"),
            remedies.as_root("apparmor_parser -r /etc/apparmor.d/fusermount3"),
        )
        return Finding(seen, why, "choose a live path below /mnt, or allow this one", commands)
    return None


def selinux(context: Context) -> Finding | None:
    """Ask whether SELinux enforces a domain that may not mount."""
    return judge_selinux(place.look(context, _LOOK))


def judge_selinux(found: dict[str, Any]) -> Finding | None:
    """Return what SELinux forbids, from what was seen in the Bridge's place."""
    if not found["selinux"] or found["may_mount"] != "EACCES":
        return None
    commands = place.started_with(
        "--device /dev/fuse --cap-add SYS_ADMIN --security-opt label=disable", "bridge.selinux"
    )
    seen = f"SELinux's domain {found['label'] or 'of this process'} forbids to mount"
    return Finding(seen, _MOUNT_NEEDS, "start it with --security-opt label=disable", commands)


CHECKS = (
    Check(
        "bridge.seccomp",
        "Does a seccomp filter let the Bridge mount?",
        "bridge",
        seccomp,
        25.0,
        "no filter is in the way",
    ),
    Check(
        "bridge.user-namespace",
        "Do the Bridge's ids mean the host's?",
        "bridge",
        user_namespace,
        25.0,
        "the ids are the host's",
    ),
    Check(
        "bridge.apparmor",
        "Does AppArmor let the Bridge mount?",
        "bridge",
        apparmor,
        25.0,
        "AppArmor is not in the way",
    ),
    Check(
        "bridge.selinux",
        "Does SELinux let the Bridge mount?",
        "bridge",
        selinux,
        25.0,
        "SELinux is not in the way",
    ),
)
