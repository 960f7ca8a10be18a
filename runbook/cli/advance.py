"""`lighthouse-migrate advance`: leave this stage and enter the next one."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

import typer

from deployment.errors import HeldError, UsageError
from runbook.cli import output
from runbook.cli.plan import describe

if TYPE_CHECKING:
    from runbook.engine import Engine, Moved, Proposal


def advance(
    context: typer.Context,
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not ask."),
    confirm: str = typer.Option("", "--confirm", metavar="NAME", help="The deployment's name, where a week wants it."),
    wait: bool = typer.Option(False, "--wait", help="Wait for the soak and the gates, watching the triggers."),
    plan_id: str = typer.Option("", "--plan", metavar="ID", help="Only if the plan is still this one."),
    override: list[str] = typer.Option(
        [], "--override", metavar="ID", help="Let this gate or check pass; needs --reason."
    ),
    reason: str = typer.Option(
        "", "--reason", help="Why a gate is overridden, or an automatic rollback is taken up again."
    ),
    as_json: bool = typer.Option(False, "--json", help="One JSON object at the end; never asks."),
) -> None:
    """Check, show the plan, ask, apply it change by change, verify each, and say what comes next."""
    from runbook import assembly
    from runbook.guard_company import guarded

    def consent(proposal: Proposal) -> None:
        agree(proposal, yes=yes, confirm=confirm, plan_id=plan_id, ask=not as_json)

    with assembly.opened(context.obj, output.say) as engine:
        for gate in override:
            engine.override(gate, reason)
        with guarded(partial(assembly.opened, context.obj), "advance", output.say):
            moved = engine.advance(consent, wait=wait, reason=reason)
        if as_json:
            output.out_json(as_object(moved))
        else:
            output.out_lines(report(engine, moved))


def agree(proposal: Proposal, *, yes: bool, confirm: str, plan_id: str, ask: bool) -> None:
    """Show a proposal and return if it is agreed to.

    Raises:
        HeldError: It is not.
        UsageError: Nobody can be asked here; the message says which flag is missing.
    """
    for line in describe(proposal.steps):
        output.say(line)
    if plan_id and plan_id != proposal.id:
        raise HeldError(f"the plan is {proposal.id} now, not {plan_id}", "look again: `lighthouse-migrate plan`")
    by_name = proposal.phase.confirm_by_name
    flag = f"--confirm {proposal.name}" if by_name else "--yes"
    if by_name and confirm:
        _same(confirm, proposal)
        return
    if yes and not by_name:
        return
    if not ask or not output.interactive():
        raise UsageError("nobody can be asked here", f"`lighthouse-migrate advance {flag}` agrees beforehand")
    if by_name:
        output.say(
            f"type the deployment's name, {proposal.name}, to enter week {proposal.phase.week} {proposal.phase.name}:"
        )
        _same(sys.stdin.readline().strip(), proposal)
        return
    output.say(f"apply {proposal.id} to enter week {proposal.phase.week} {proposal.phase.name}? [y/N]")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise HeldError("not agreed to; nothing was changed", "`lighthouse-migrate plan` shows it again")


def _same(typed: str, proposal: Proposal) -> None:
    if typed != proposal.name:
        raise HeldError(f"{typed!r} is not the deployment's name; nothing was changed", f"it is {proposal.name}")


def as_object(moved: Moved) -> dict[str, object]:
    """Return a movement as the documented JSON object."""
    return {
        "format": 1,
        "kind": moved.kind,
        "week": moved.week,
        "stage": moved.stage,
        "seconds": round(moved.seconds, 3),
        "changes": list(moved.changes),
        "journal": moved.journal,
    }


def report(engine: Engine, moved: Moved) -> list[str]:
    """Return what was done and what comes next."""
    from runbook.cli.words import span
    from runbook.soak import when

    if moved.kind == "finish":
        return [f"done: week 8 is left; journal #{moved.journal}", "next: `lighthouse-migrate history`"]
    if moved.kind == "rollback":
        return [
            f"rolled back to fusepy in {moved.seconds:.2f} s; journal #{moved.journal}",
            "next: `lighthouse-migrate check`",
        ]
    state = engine.state()
    soak = engine.soak_of(state).total_seconds()
    waits = f"it soaks {span(soak)}, until {when(engine.soaked_at(state))}" if soak else "it has no soak"
    return [
        f"in week {moved.week} after {moved.seconds:.1f} s and {len(moved.changes)} changes; journal #{moved.journal}",
        waits,
        "next: `lighthouse-migrate status`, then `lighthouse-migrate advance`",
    ]
