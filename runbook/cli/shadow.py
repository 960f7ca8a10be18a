"""`lighthouse-migrate shadow`: what was compared, and both answers wherever the shadow's was another one."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import typer

from runbook.cli import output

if TYPE_CHECKING:
    from deployment.divergences import Found


def shadow(
    context: typer.Context,
    as_json: bool = typer.Option(False, "--json", help="One JSON object, with all that is kept: up to 1,000."),
    last: int = typer.Option(10, "--last", min=0, metavar="N", help="Show the newest N divergences."),
) -> None:
    """Show what the Bridges compared with their shadow, and where it answered differently."""
    from deployment.divergences import found
    from runbook import assembly

    with assembly.opened(context.obj, output.say) as engine:
        told = found(engine.target.observe())
    if as_json:
        bridges = [{"instance": each.instance, "side": each.side.value, **each.told} for each in told]
        output.out_json({"format": 1, "kind": "shadow", "bridges": bridges})
        return
    output.out_lines(line for each in told for line in lines(each, last))


def lines(found: Found, last: int) -> Iterator[str]:
    """Return how one Bridge's comparisons read."""
    told = found.told
    compared = sum(row["comparisons"] for row in told["counts"])
    divergent = sum(row["divergence"] for row in told["counts"])
    if not told["comparing"] and not compared:
        yield f"{found.instance}  compares nothing: the mirror is off (weeks 2 and 3 turn it on, on the stable side)"
        return
    state = "compares" if told["comparing"] else "compared, the mirror is off now"
    yield f"{found.instance}  {state}: {compared:,} comparisons, {divergent:,} divergent, {told['raced']:,} raced"
    if told["trouble"]:
        yield f"  ! cannot compare now: {told['trouble']}"
    for row in sorted(told["counts"], key=lambda row: (-row["divergence"], -row["comparisons"])):
        pair = f"{row['primary']} against {row['shadow']}"
        yield f"  {row['operation']:<12} {row['comparisons']:>9,} compared {row['divergence']:>6,} divergent   {pair}"
    kept = told["divergences"]
    shown = kept[-last:] if last else []
    if kept:
        yield f"  the newest {len(shown)} of {len(kept)} that are kept; all: `lighthouse-migrate shadow --json`"
    for one in shown:
        yield from _divergence(one)
    yield "  not compared:"
    for what, why in told["ignored"].items():
        yield f"    {what:<24} {why}"


def _divergence(one: Mapping[str, Any]) -> Iterator[str]:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one["at"]))
    yield f"    {when}  {one['path']}  by {', '.join(one['operations'])}"
    for what in one["differing"]:
        for side in ("primary", "shadow"):
            answer = one[side].get(what, "nothing")
            other = one["shadow" if side == "primary" else "primary"].get(what)
            if isinstance(answer, dict) and isinstance(other, dict):  # only what differs
                answer = {key: value for key, value in answer.items() if other.get(key) != value}
            words = answer if isinstance(answer, str) else json.dumps(answer)
            yield f"      {what:<12} {one[side]['backend']:<8} {words}"
