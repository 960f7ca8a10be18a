"""Can the stable mount path be used: there or creatable, empty, and not dead?"""

from __future__ import annotations

import os
from pathlib import Path
from shlex import quote

from checks import hung, remedies
from checks.check import Check, Context, Finding
from checks.disposable import look_at
from checks.hung import as_mounted
from deployment.targets import mounts as table

_WHY = "Clients see the Bridge's files there."


def live_path(context: Context) -> Finding | None:
    """Look at the path in a child, because what is mounted there may hang."""
    live = context.place.live
    name = quote(str(live))
    mounted = table.at(table.table(), as_mounted(live))
    look = hung.look(str(live), mounted, entries=mounted is None)
    clear = (remedies.clear_mount(str(live)),)
    abort = (remedies.abort_connection(mounted.device.partition(":")[2]),) if mounted is not None else ()
    if look.hung:
        return Finding(f"{live} hangs", _WHY, "take the hung mount off it", (*abort, *clear))
    if look.dead:
        if look.link:
            return Finding(f"{live} points to a dead mount", _WHY, "remove the link", (f"rm {name}",))
        return Finding(f"{live} is a dead mount", _WHY, "take it off", clear)
    if look.error:
        return Finding(f"{live} cannot be looked at: {look.error}", _WHY, "let this user see it", (f"ls -ld {name}",))
    if not look.exists:
        return _creatable(live, dangling=look.link)
    if not look.directory:
        return Finding(f"{live} is a file", _WHY, "move it away", (f"mv {name} {name}.old",))
    if look.empty is False and not look.link:
        remedy = "move its content away, or choose another live path in the settings"
        return Finding(f"{live} is a plain directory that is not empty", _WHY, remedy, (f"mv {name} {name}.old",))
    if not look.writable and not look.link and mounted is None:
        command = remedies.as_root(f"chown {os.geteuid()} {name}")
        return Finding(
            f"{live} is not writable for this user", "fusermount3 refuses to mount there.", "own it", (command,)
        )
    return None


def _creatable(live: Path, *, dangling: bool) -> Finding | None:
    if dangling:
        return None  # the swap replaces a link as a whole
    parent = next(p for p in live.parents if look_at(str(p)).exists)
    look = look_at(str(parent))
    if look.directory and look.writable:
        return None
    owner = remedies.as_root(f"install -d -o {os.geteuid()} {quote(str(live))}")
    return Finding(f"{live} does not exist and {parent} is not writable for this user", _WHY, "make it", (owner,))


CHECKS = (
    Check(
        "host.live-path",
        "Can the stable mount path be used?",
        "host",
        live_path,
        30.0,
        fine="the stable mount path is usable",
    ),
)
