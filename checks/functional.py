"""Does every file operation work in the mount that a Bridge really serves?"""

from __future__ import annotations

from checks import words
from checks.check import Check, Context, Finding
from checks.inplace import run_json, scratch, serving
from deployment.model import Side

PATIENCE = 60.0  # seconds


def functional(context: Context, side: Side) -> Finding | None:
    """Run dualfuse's functional suite in a scratch directory of a side's own mount."""
    state = serving(context, side)
    with scratch(context, state) as (folder,):
        found = run_json(context, ["-m", "dualfuse.functional", folder], state.image, PATIENCE)
    failed = found.get("failed") or []
    if found.get("ok") and not failed:
        context.say(f"{found.get('passed')} operations work on {state.serving}")
        return None
    if not failed:
        return Finding(f"the functional suite did not run on {state.name}: {found.get('error', 'no reason given')}")
    names = words.listed([f"{f['name']} ({f['error']})" for f in failed], most=3)
    total = int(found.get("passed", 0)) + len(failed)
    seen = f"{len(failed)} of {total} operations fail on {state.serving}: {names}"
    return Finding(seen, "Clients would meet the same failures.", f"read the log of {state.name}")


def stable(context: Context) -> Finding | None:
    """Run the suite on the stable side."""
    return functional(context, Side.STABLE)


def canary(context: Context) -> Finding | None:
    """Run the suite on the canary side."""
    return functional(context, Side.CANARY)


CHECKS = (
    Check("functional.stable", "Does every operation work on fusepy?", "bridge", stable, 90.0, "every operation works"),
    Check(
        "functional.canary", "Does every operation work on pyfuse3?", "bridge", canary, 90.0, "every operation works"
    ),
)
