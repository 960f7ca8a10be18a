"""`lighthouse-migrate gate`: list the gates of this stage, explain one, or let one pass for a reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from runbook.cli import output

if TYPE_CHECKING:
    from runbook.explain import Explained

app = typer.Typer(
    help="The gates of this stage: list them, explain one, let one pass for a reason.",
    rich_markup_mode=None,
    no_args_is_help=True,
)
MARKS = {"pass": "[ok]  ", "fail": "[FAIL]", "inconclusive": "[?]   ", "error": "[ERR] "}


@app.command("list")
def list_gates(context: typer.Context, as_json: bool = typer.Option(False, "--json", help="One JSON object.")) -> None:
    """Measure every gate and trigger of this stage and say what each says."""
    from runbook import assembly
    from runbook.explain import as_object, explain

    with assembly.opened(context.obj, output.say) as engine:
        found = explain(engine)
    if as_json:
        output.out_json({"format": 1, "kind": "gates", "gates": [as_object(f) for f in found]})
    else:
        output.out_lines(_rows(found))


@app.command()
def explain(
    context: typer.Context,
    gate: str = typer.Argument(metavar="ID", help="Of a gate or trigger; `gate list` names them."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object."),
) -> None:
    """Measure one gate and show the question, the samples, the bound and the verdict."""
    from runbook import assembly
    from runbook import explain as explaining

    with assembly.opened(context.obj, output.say) as engine:
        found = explaining.explain(engine, gate)
    if as_json:
        output.out_json({"format": 1, "kind": "gate", "gates": [explaining.as_object(f) for f in found]})
    else:
        output.out_lines(line for f in found for line in _explanation(f))


@app.command()
def override(
    context: typer.Context,
    gate: str = typer.Argument(metavar="ID", help="Of a gate or check of this stage, or at the door of the next."),
    reason: str = typer.Option(..., "--reason", help="Why, for the journal and for whoever looks."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object."),
) -> None:
    """Let one gate or check pass until this stage is left. It is asked all the same, and shown as overridden."""
    from runbook import assembly

    with assembly.opened(context.obj, output.say) as engine:
        engine.override(gate, reason)
        state = engine.state()
    if as_json:
        overridden = {"id": gate, "reason": reason, "until": "this stage is left", "journal": state.head}
        output.out_json({"format": 1, "kind": "override", **overridden})
    else:
        output.out(f"{gate} is overridden until week {state.week}'s stage is left: {reason}; journal #{state.head}")
        output.out("next: `lighthouse-migrate status`")


def _rows(found: list[Explained]) -> Iterator[str]:
    from runbook.explain import claim

    if not found:
        yield "this stage has no gates: its checks decide; see `lighthouse-migrate check`"
    for one in found:
        says = f"OVERRIDDEN: {one.override}; it says {one.verdict.reason}" if one.override else one.verdict.reason
        yield f"{MARKS[one.verdict.status]} {one.kind:<7} {one.threshold.id:<18} {says}"
        if one.verdict.status != "pass":
            yield f"       asks: {claim(one.threshold, one.verdict.limit)}"


def _explanation(one: Explained) -> Iterator[str]:
    from checks import words
    from runbook.explain import claim

    threshold, verdict = one.threshold, one.verdict
    noun = words.SAMPLES[threshold.metric]
    yield f"{MARKS[verdict.status]} {one.kind} {threshold.id}: {verdict.status}"
    yield f"  asks      {claim(threshold, verdict.limit)}, of the canary, over {words.duration(verdict.window)}"
    yield f"  query     {one.queries[0]}"
    yield f"  samples   {one.queries[1]}"
    found = "no value" if verdict.value is None else f"{verdict.value:.6g}"
    yield f"  found     {found} from {verdict.samples} samples"
    yield f"  needs     {one.needed} {noun if threshold.against != 'stable' else 'points or operations of both sides'}"
    if one.bound is not None:
        yield f"  bound     may be {words.percent(one.bound)} (Wilson, one-sided 95%)"
    yield f"  verdict   {verdict.status}: {verdict.reason}"
    if one.override:
        yield f"  override  it passes until this stage is left: {one.override}"
