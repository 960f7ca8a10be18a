"""`lighthouse-migrate history`: what was done, when, and by whose evidence."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import typer

from deployment.errors import OperatorError
from runbook.cli import output

if TYPE_CHECKING:
    from runbook.journal import Event


def history(
    context: typer.Context,
    as_json: bool = typer.Option(False, "--json", help="One JSON object a line, a header first."),
    last: int = typer.Option(0, "--last", min=0, metavar="N", help="Only the newest N events."),
    everything: bool = typer.Option(False, "--all", help="Also the start of every change and every check that was ok."),
) -> None:
    """Show the journal, oldest first, after proving that its chain is unbroken."""
    from runbook import settings
    from runbook.journal import Journal

    journal = Journal(settings.load(settings.find(context.obj)).journal)
    broken = journal.broken_at()
    events = [e for e in journal.events() if everything or as_json or telling(e)]
    events = events[-last:] if last else events
    if as_json:
        output.out_json({"format": 1, "kind": "history", "unbroken": broken is None})
    for event in events:
        if as_json:
            output.out_json(
                {"seq": event.seq, "at": event.at, "event": event.kind, "data": event.data, "hash": event.hash}
            )
        else:
            output.out(
                f"#{event.seq:<4} {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(event.at))}  {words(event)}"
            )
    if broken is not None:
        raise OperatorError(
            f"the journal was changed: event #{broken} does not continue the chain",
            f"compare {journal.path} with its newest copy in an archive or a backup",
        )


def telling(event: Event) -> bool:
    """Tell whether a person wants to read it: not the start of a change, nor a check that was ok."""
    return event.kind != "change-started" and not (event.kind == "checked" and event.data["outcome"] == "ok")


def words(event: Event) -> str:
    """Return how an event reads on one line."""
    data = event.data
    match event.kind:
        case "change-done":
            return f"  {data['change']}: {data['before']} → {data['after']}   {data['seconds']:.2f} s"
        case "change-failed":
            return f"  {data['change']}: {data['before']} → {data['after']}   FAILED: {data['error']}"
        case "checked":
            return f"  check {data['id']}: {data['outcome']}: {data['seen']}"
        case "entered":
            return f"entered week {data['week']} {data['name']}"
        case "rolled-back":
            return f"rolled back {'automatically ' if data.get('automatic') else ''}{data.get('reason', '')}".rstrip()
        case "held":
            return f"  held: {data['reason']}"
        case "gates-passed":
            return f"  gates passed: {', '.join(v['id'] for v in data['verdicts'])}"
        case "overridden":
            return f"overridden {data['id']}: {data['reason']}"
        case "evidence":
            return f"  evidence {data['name']}"
    rest = ", ".join(f"{k} {v}" for k, v in data.items() if v not in (None, "", []))
    return f"{event.kind}  {rest}"
