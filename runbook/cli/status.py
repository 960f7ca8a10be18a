"""`lighthouse-migrate status`: where we are, whether it is safe, and what to type next."""

from __future__ import annotations

import typer

from runbook.cli import output


def status(
    context: typer.Context,
    as_json: bool = typer.Option(False, "--json", help="One JSON object."),
    measure: bool = typer.Option(
        False, "--measure", help="Ask the metrics now instead of showing the newest verdicts."
    ),
) -> None:
    """Say where the walk is, what it waits for and what to do next."""
    from runbook import assembly, snapshot

    with assembly.opened(context.obj, output.say) as engine:
        seen = snapshot.take(engine, measure=measure)
    if as_json:
        output.out_json(snapshot.as_json(seen))
    else:
        from runbook.cli.words import describe

        output.out_lines(describe(seen))
