"""Is anything mounted where this deployment mounts, that is dead, hung, left over or somebody else's?"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from checks import proc, remedies, words
from checks.check import Check, Context, Finding
from checks.disposable import Look, look_at
from deployment.errors import OperatorError
from deployment.model import Observation

PATIENCE = 1.0  # seconds a mount has to answer a stat


def stale_mounts(context: Context) -> Finding | None:
    """Look at every mount on the live path and below the state folder, each in a child of its own."""
    live = proc.mounted_at(context.place.live)
    below = {m.path: m for m in proc.mounted_under(context.place.state)}
    paths = [*below, *({m.path for m in live} - below.keys())]
    if not paths:
        return None
    with ThreadPoolExecutor(len(paths)) as pool:
        looks = dict(zip(paths, pool.map(lambda path: look_at(path, PATIENCE), paths), strict=True))
    observed = _observed(context)
    seen, commands = [], []
    for path in paths:
        mount = live[-1] if live and path == live[-1].path else below[path]
        fault = _fault(mount, looks[path], observed, context.place.live, context.place.state)
        if fault:
            seen.append(f"{path} {fault}")
            commands += [*_abort(mount, looks[path]), remedies.clear_mount(path)]
    if not seen:
        return None
    why = "A mount in the way keeps the Bridge from starting, and who looks at it may hang."
    return Finding(words.listed(seen, most=3), why, "take it off", tuple(commands))


def _observed(context: Context) -> Observation | None:
    try:
        return context.target.observe()
    except OperatorError:
        return None


def _fault(mount: proc.Mount, look: Look, observed: Observation | None, live: Path, state: Path) -> str:
    if look.dead:
        return "is a dead mount (its daemon is gone)"
    if look.hung:
        return f"hangs (no answer within {PATIENCE:g} s)"
    if mount.path == str(live):
        if not mount.fuse:
            return f"is mounted by somebody else ({mount.kind} from {mount.source})"
        if observed is not None and observed.live is None and observed.instances:
            return f"shows no Bridge of this deployment ({observed.live_detail or 'a foreign mount'})"
        if observed is not None and not observed.instances:
            return f"is mounted by somebody else ({mount.kind} from {mount.source})"
        return ""
    inside = Path(mount.path).relative_to(state).parts
    if observed is not None and inside[0] == "instances" and observed.named("".join(inside[1:2])) is None:
        return "is left over from an instance that no longer exists"
    return ""


def _abort(mount: proc.Mount, look: Look) -> list[str]:
    if not (look.hung and mount.fuse):
        return []
    number = mount.device.partition(":")[2]
    write = f"echo 1 > /sys/fs/fuse/connections/{number}/abort"
    return [remedies.as_root(f"sh -c '{write}'")]


CHECKS = (
    Check(
        "host.stale-mounts",
        "Is every mount of this deployment alive and its own?",
        "host",
        stale_mounts,
        fine="no dead or foreign mount",
    ),
)
