"""`lighthouse-migrate plan`: what an advance would do, without doing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from runbook.cli import output

if TYPE_CHECKING:
    from runbook.steps import Step

CHANGES = 6  # the exit code that says so


def plan(
    context: typer.Context,
    as_json: bool = typer.Option(False, "--json", help="One JSON object."),
    detailed_exitcode: bool = typer.Option(False, "--detailed-exitcode", help="Exit with 6 when there are changes."),
) -> None:
    """Show the changes that `advance` would make, in order, each with its undo."""
    from runbook import assembly, steps

    with assembly.opened(context.obj, output.say) as engine:
        todo = engine.plan()
    if as_json:
        changes = [{"subject": s.subject, "before": s.before, "after": s.after, "undo": s.undo} for s in todo]
        output.out_json({"format": 1, "kind": "plan", "id": steps.digest(todo), "changes": changes})
    else:
        output.out_lines(describe(todo))
    if detailed_exitcode and todo:
        raise typer.Exit(CHANGES)


def describe(todo: tuple[Step, ...]) -> list[str]:
    """Return how a plan reads."""
    from runbook.steps import digest

    if not todo:
        return ["no changes: the deployment is what it should be"]
    lines = [f"  ~ {s.subject:<16} {s.before} → {s.after}" for s in todo]
    undo = "; ".join(s.undo for s in reversed(todo))
    count = f"{len(todo)} change{'s' if len(todo) > 1 else ''}, each verified"
    return [*lines, f"{count}. Undo: {undo}.   {digest(todo)}"]
