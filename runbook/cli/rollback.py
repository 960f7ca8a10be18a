"""`lighthouse-migrate rollback`: fusepy serves every client again, at once and without a question."""

from __future__ import annotations

import typer

from runbook.cli import output
from runbook.cli.advance import as_object
from runbook.cli.plan import describe


def rollback(
    context: typer.Context,
    to: int | None = typer.Option(
        None, "--to", min=0, max=7, metavar="WEEK", help="The deployment of an earlier week."
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="Show what it would do, and do nothing."),
    reason: str = typer.Option("", "--reason", help="Why, for the journal."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object at the end."),
) -> None:
    """Bring fusepy back to every client. Never asks, works from every week, and may be repeated."""
    from runbook import assembly

    with assembly.opened(context.obj, output.say, tolerant=True) as engine:
        if dry_run:
            output.out_lines(describe(engine.plan_rollback(to)))
            return
        moved = engine.rollback(to, reason=reason)
        if as_json:
            output.out_json(as_object(moved))
            return
        where = "fusepy" if to is None else f"week {to}"
        done = f"{moved.seconds:.2f} s, {len(moved.changes)} changes; journal #{moved.journal}"
        output.out(f"rolled back to {where} in {done}")
        output.out("next: `lighthouse-migrate check`, then `lighthouse-migrate advance` to take the walk up again")
