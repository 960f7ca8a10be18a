"""Will a mount on the live path be seen by those it is for?"""

from __future__ import annotations

from pathlib import Path
from shlex import quote

from checks import place, proc, remedies
from checks.check import Check, Context, Finding, Severity
from checks.state_folder import mounted_at
from deployment.targets import mounts as table


def propagation(context: Context) -> Finding | None:
    """Look whether what is mounted at the live path reaches the host's own mounts, and the containers' folders."""
    folder = context.place.live.absolute().parent
    there = next(p for p in (folder, *folder.parents) if p.exists())
    point = mounted_at(there)
    mount = table.at(table.table(), Path(point))
    if mount is None or mount.shared:
        return None
    if context.target.kind == "docker":
        return _for_containers(there, point)
    if _own_namespace():
        seen = f"{there} is in a mount namespace of its own"
        why = "Nobody outside sees what is mounted here: clients would find an empty folder."
        command = f"nsenter --target 1 --mount {place.again('host.propagation')}"
        return Finding(seen, why, "start the tool in the host's namespace", (remedies.sudo(command),))
    return None


def _for_containers(there: Path, point: str) -> Finding:
    folder = quote(str(there))
    bound = (f"mount --bind {folder} {folder}", f"mount --make-shared {folder}")
    commands = bound if str(there) != point else bound[1:]
    seen = f"{there} is not a shared mount"
    why = "Docker refuses to bind it rshared, so what the Bridge mounts in its container is seen there only."
    remedy = "share it; the Docker target does so itself where it runs as root"
    return Finding(seen, why, remedy, tuple(remedies.as_root(c) for c in commands), Severity.WARN)


def _own_namespace() -> bool:
    """Tell whether the first process has other mounts than this one; False where that may not be read."""
    try:
        return (proc.PROC / "1/ns/mnt").readlink() != (proc.PROC / "self/ns/mnt").readlink()
    except PermissionError:
        return False


CHECKS = (
    Check(
        "host.propagation",
        "Is a mount on the live path seen by everybody it is for?",
        "host",
        propagation,
        fine="mounts on the live path are seen",
    ),
)
