"""Is anything mounted where this deployment mounts, that is dead, hung, left over or somebody else's?"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from checks import remedies, words
from checks.check import Check, Context, Finding
from checks.disposable import Look
from checks.hung import as_mounted, look
from deployment.errors import OperatorError
from deployment.model import Observation
from deployment.targets import mounts as table


def stale_mounts(context: Context) -> Finding | None:
    """Look at every mount on the live path and below the state folder, each in a child of its own."""
    state = Path(os.path.realpath(context.place.state))
    live = as_mounted(context.place.live)
    everything = table.table()
    ours = {m.point: m for m in table.below(everything, state)}
    shown = table.at(everything, live)
    if shown is not None:
        ours[shown.point] = shown
    paths = list(ours)
    if not paths:
        return None
    with ThreadPoolExecutor(len(paths)) as pool:
        looks = dict(zip(paths, pool.map(lambda path: look(path, ours[path]), paths), strict=True))
    observed = _observed(context)
    seen, commands = [], []
    for path in paths:
        fault = _fault(ours[path], looks[path], observed, live, state)
        if fault:
            seen.append(f"{path} {fault}")
            commands += [*_abort(ours[path], looks[path]), remedies.clear_mount(path)]
    if not seen:
        return None
    why = "A mount in the way keeps the Bridge from starting, and who looks at it may hang."
    return Finding(words.listed(seen, most=3), why, "take it off", tuple(commands))


def _observed(context: Context) -> Observation | None:
    try:
        return context.target.observe()
    except OperatorError:
        return None


def _fault(mount: table.Mount, look: Look, observed: Observation | None, live: Path, state: Path) -> str:
    if look.dead:
        return "is a dead mount (its daemon is gone)"
    if look.hung:
        return "hangs: it does not answer"
    if mount.point == str(live):
        if not mount.kind.startswith("fuse"):
            return f"is mounted by somebody else ({mount.kind})"
        if observed is not None and observed.live is None and observed.instances:
            return f"shows no Bridge of this deployment ({observed.live_detail or 'a foreign mount'})"
        if observed is not None and not observed.instances:
            return f"is mounted by somebody else ({mount.kind})"
        return ""
    inside = Path(mount.point).relative_to(state).parts
    if not inside:
        return ""  # the state folder may be a file system of its own
    if observed is not None and inside[0] == "instances" and observed.named("".join(inside[1:2])) is None:
        return "is left over from an instance that no longer exists"
    return ""


def _abort(mount: table.Mount, look: Look) -> list[str]:
    if not (look.hung and mount.kind.startswith("fuse")):
        return []
    return [remedies.abort_connection(mount.device.partition(":")[2])]


CHECKS = (
    Check(
        "host.stale-mounts",
        "Is every mount of this deployment alive and its own?",
        "host",
        stale_mounts,
        30.0,
        fine="no dead or foreign mount",
    ),
)
