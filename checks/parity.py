"""Do both backends answer a random sequence of operations alike?"""

from __future__ import annotations

from checks import words
from checks.check import Check, Context, Finding
from checks.inplace import run_json, scratch, serving
from deployment.model import Side

STEPS = 300  # at the benchmark's full 1000 iterations; a shorter benchmark asks for fewer here as well
FEWEST = 60
PATIENCE = 240.0  # seconds


def parity(context: Context) -> Finding | None:
    """Run dualfuse's parity suite on a scratch directory of each side and on a plain one, compared after every step."""
    states = [serving(context, side) for side in Side]
    with scratch(context, *states) as (one, other):
        steps = max(FEWEST, min(STEPS, context.iterations * STEPS // 1000))
        argv = ["-m", "dualfuse.parity", one, other, "--steps", str(steps)]
        found = run_json(context, argv, states[0].image, PATIENCE)
    differences = found.get("differences") or []
    if found.get("ok") and not differences:
        return None
    if not differences:
        return Finding(f"the parity suite did not run: {found.get('error', 'no reason given')}")
    first = words.listed([str(d) for d in differences], most=2)
    seen = f"{len(differences)} differences in {found.get('steps', steps)} steps: {first}"
    if found.get("minimal"):
        seen += f"; shortest way: {words.listed(found['minimal'], most=6)}; {found['script']} there replays it"
    return Finding(seen, "A client that is moved between the sides would notice.", "accept each, or repair it")


CHECKS = (Check("parity", "Do both backends behave alike?", "bridge", parity, 300.0, "both backends behave alike"),)
