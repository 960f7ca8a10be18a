"""Does /etc/fuse.conf let an ordinary user mount for everybody, and often enough? Root is not asked by it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from checks import proc, remedies
from checks.check import Check, Context, Finding, Severity
from deployment.targets import mounts as table

CONF = Path("/etc/fuse.conf")
MOST = 1000  # the helper's own limit where the file says nothing
NEEDED = 4  # mounts: both sides, and a successor of each
_KNOWN = re.compile(r"user_allow_other|mount_max = \d+")


def fuse_conf(context: Context) -> Finding | None:
    """Read the file as the setuid helper does."""
    if context.target.kind != "local" or proc.has_sys_admin() or shutil.which("fusermount3") is None:
        return None  # who mounts by itself is not asked by it; that a helper is missing is another check's finding
    try:
        text = CONF.read_text(errors="replace")
    except FileNotFoundError:
        text = ""
    except PermissionError:
        seen = f"{CONF} cannot be read by this user"
        command = remedies.as_root(f"chmod a+r {CONF}")
        return Finding(seen, "Whether allow_other may be used is not known.", "make it readable", (command,))
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    strange = [line for line in lines if line and not _KNOWN.fullmatch(line)]
    if strange:
        # "mount_max=5" is not read at all: the helper wants exactly one blank on each side
        seen = f"{CONF} has a line that fusermount3 does not know: {strange[0]!r}"
        command = remedies.as_root(f"sed -i 's/^{re.escape(strange[0]).replace('/', '.')}.*/# &/' {CONF}")
        return Finding(seen, "It is passed over.", "write `mount_max = N` or `user_allow_other`", (command,))
    return _most(lines) or _others(lines)


def _most(lines: list[str]) -> Finding | None:
    said = [int(line.rpartition(" ")[2]) for line in lines if line.startswith("mount_max")]
    most = said[-1] if said else MOST
    used = sum(mount.kind.partition(".")[0] in {"fuse", "fuseblk"} for mount in table.table())
    if used + NEEDED <= most:
        return None
    seen = f"mount_max is {most}, and {used} FUSE mounts exist"
    wanted = max(MOST, 2 * used)
    if said:
        command = remedies.as_root(f"sed -i 's/^mount_max = .*/mount_max = {wanted}/' {CONF}")
    else:
        command = remedies.add_line(f"mount_max = {wanted}", str(CONF))
    why = f"fusermount3 refuses beyond it, and the walk mounts up to {NEEDED} more."
    return Finding(seen, why, "raise it", (command,))


def _others(lines: list[str]) -> Finding | None:
    if "user_allow_other" in lines:
        return None
    seen = f"user_allow_other is not set in {CONF}"
    why = "The mount of an ordinary user then serves that user only, and root neither."
    command = remedies.add_line("user_allow_other", str(CONF))
    return Finding(seen, why, "set it, where others use the mount", (command,), Severity.WARN)


CHECKS = (
    Check(
        "host.fuse-conf",
        "Does /etc/fuse.conf let this user mount for everybody?",
        "host",
        fuse_conf,
        fine="/etc/fuse.conf is not in the way",
    ),
)
