"""Are the setuid helpers there that mount for ordinary users: `fusermount` for fusepy, `fusermount3` for pyfuse3?"""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from shlex import quote

from checks import place, proc, remedies
from checks.check import Check, Context, Finding, Severity
from checks.disposable import ask
from checks.state_folder import mounted_at

HELPERS = {"fusermount3": "pyfuse3", "fusermount": "fusepy"}
_MAY_MOUNT = "host.capabilities"
PATIENCE = 10.0  # seconds a helper may take to say its version


def fusermount(context: Context) -> Finding | None:
    """Look for both helpers on the path the C libraries search."""
    if context.target.kind != "local":
        return None  # Bridges do not run on this host; the mount probes try their place's own helpers
    missing = [name for name in HELPERS if shutil.which(name) is None]
    if not missing:
        return _works("fusermount3")
    names = " and ".join(missing)
    backends = " and ".join(HELPERS[name] for name in missing)
    # Debian's fuse3 ships both; installing `fuse` beside it is impossible there
    command = remedies.install("helper")
    seen = f"{names} is not on the PATH" if len(missing) == 1 else f"{names} are not on the PATH"
    if proc.has_sys_admin():
        why = "This user mounts without it; an ordinary user could not."
        return Finding(seen, why, "install it", (command,), Severity.WARN)
    return Finding(seen, f"Without it an ordinary user cannot mount with {backends}.", "install it", (command,))


def _works(helper: str) -> Finding | None:
    """Ask a helper for its version: one that is broken is found, and does not work."""
    answer = ask([helper, "--version"], PATIENCE)
    if answer.returncode == 0 and "fusermount" in answer.stdout:
        return None
    said = (answer.stderr.strip().splitlines() or [f"exit code {answer.returncode}"])[-1]
    seen = f"{shutil.which(helper)} does not work: {said}"
    severity = Severity.WARN if proc.has_sys_admin() else Severity.FAIL
    why = "An ordinary user mounts and unmounts through it."
    return Finding(seen, why, "install its package again", (remedies.reinstall("helper"),), severity)


def capabilities(context: Context) -> Finding | None:
    """Ask how this user could mount: by CAP_SYS_ADMIN, or else through a setuid helper that may gain privilege."""
    if context.target.kind != "local":
        return None  # the same: what counts are the privileges in the Bridge's place
    if proc.has_sys_admin():
        return None
    if os.geteuid() == 0:
        remedy = "in a container, start it with --cap-add SYS_ADMIN --device /dev/fuse"
        commands = place.started_with("--device /dev/fuse --cap-add SYS_ADMIN", _MAY_MOUNT)
        return Finding("root without CAP_SYS_ADMIN", "Nothing here may mount.", remedy, commands)
    helper = shutil.which("fusermount3")
    if helper is None:
        why = "An ordinary user mounts only through fusermount3, and it is not there."
        return Finding("no CAP_SYS_ADMIN and no helper", why, "install it", (remedies.install("helper"),))
    if proc.status().get("NoNewPrivs") == "1":
        remedy = (
            "start the Bridge without no-new-privileges, or let root give it CAP_SYS_ADMIN as an ambient capability"
        )
        why = "It takes fusermount3's setuid bit away: nothing here may mount."
        return Finding("no_new_privs is set", why, remedy, (remedies.with_sys_admin(place.again(_MAY_MOUNT)),))
    return _setuid(helper)


def _setuid(helper: str) -> Finding | None:
    seen = os.stat(helper)  # noqa: PTH116 - a name found on the PATH, followed to the file that is executed
    if seen.st_uid != 0 or not seen.st_mode & stat.S_ISUID:
        commands = (remedies.as_root(f"chown root:root {helper}"), remedies.as_root(f"chmod 4755 {helper}"))
        return Finding(f"{helper} is not setuid root", "An ordinary user mounts through it.", "set it", commands)
    if os.statvfs(helper).f_flag & os.ST_NOSUID:
        remedy = "remount that file system with suid, or give the Bridge CAP_SYS_ADMIN"
        command = remedies.as_root(f"mount -o remount,suid {quote(mounted_at(Path(helper)))}")
        seen_nosuid = f"{helper} lies on a file system mounted nosuid"
        return Finding(seen_nosuid, "Its setuid bit counts for nothing.", remedy, (command,))
    return None


CHECKS = (
    Check(
        "host.fusermount",
        "Are fusermount and fusermount3 there?",
        "host",
        fusermount,
        fine="fusermount and fusermount3 are there",
    ),
    Check(_MAY_MOUNT, "May this user mount?", "host", capabilities, fine="this user may mount"),
)
