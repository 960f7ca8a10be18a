"""`lighthouse-migrate check`: ask the checks, and repair what may be repaired by the tool."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from deployment.errors import HeldError, UnreachableError, UsageError
from runbook.cli import output

if TYPE_CHECKING:
    from checks.runner import Result
    from runbook.engine import Engine


def check(
    context: typer.Context,
    ids: list[str] = typer.Argument(
        None, metavar="[ID]...", help="These checks; else those of this stage and the next."
    ),
    week: int | None = typer.Option(None, "--week", min=0, max=8, help="Those of this week."),
    everything: bool = typer.Option(False, "--all", help="All of them, also the long ones."),
    listed: bool = typer.Option(False, "--list", help="Name them and ask none."),
    fix: bool = typer.Option(
        False, "--fix", help="Repair what the tool can repair in the project: shows the change first."
    ),
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not ask before a repair."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object."),
) -> None:
    """Ask what must be true, and say how to repair what is not. Exits with 3 where something is not."""
    from checks.registry import CHECKS
    from runbook import assembly
    from runbook.judgement import forbids, summary

    if listed:
        if as_json:
            names = [{"id": c.id, "question": c.question, "where": c.where} for c in CHECKS.values()]
            output.out_json({"format": 1, "kind": "checks", "checks": names})
        else:
            output.out_lines(f"{c.id:<24} {c.question}" for c in CHECKS.values())
        return
    unknown = [i for i in ids or [] if i not in CHECKS]
    if unknown:
        raise UsageError(f"there is no check {unknown[0]!r}", "`lighthouse-migrate check --list` names them")
    with assembly.opened(context.obj, output.say) as engine:
        chosen = list(CHECKS) if everything else list(ids or _asked_by(engine, week))
        results = engine.judgement.check(chosen, engine.state())
        if fix:
            from runbook.cli.repair import repair

            results = repair(engine, results, yes=yes)
    if as_json:
        output.out_json({"format": 1, "kind": "check", "results": [summary(r) for r in results]})
    else:
        output.out_lines(_lines(results))
    if any(r.check.id == "target.reachable" and forbids(r) for r in results):
        raise UnreachableError("the target does not answer", "`lighthouse-migrate status`")
    if any(forbids(r) for r in results):
        raise HeldError(_count(results), "repair it, then `lighthouse-migrate check` again")


def _asked_by(engine: Engine, week: int | None) -> list[str]:
    """Return the checks of a week, or those at the exit of this stage and at the door of the next."""
    from phases.calendar import PHASES, stage_at

    state = engine.state()
    if week is not None:
        stages = PHASES[week].stages
        return list(dict.fromkeys(i for s in stages for i in (*s.entry, *s.exit)))
    there = engine.next(state)
    asked = [*stage_at(state.week, state.stage).exit] if state.week is not None else []
    asked += [*stage_at(*there).entry] if there is not None else []
    return list(dict.fromkeys(asked))


def _lines(results: list[Result]) -> list[str]:
    lines = []
    for result in results:
        found = result.finding
        if found is None:
            lines.append(f"[ok]   {result.check.id:<24} {result.check.fine or result.check.question}")
            continue
        mark = {"fail": "[FAIL]", "warn": "[warn]", "unknown": "[?]   "}[found.severity]
        lines.append(f"{mark} {result.check.id:<24} {found.seen}")
        if found.why:
            lines.append(f"       why: {found.why}")
        if found.remedy:
            lines.append(f"       fix: {found.remedy}")
        lines += [f"            $ {command}" for command in found.commands]
    return [*lines, _count(results)]


def _count(results: list[Result]) -> str:
    outcomes = ["passed" if r.finding is None else str(r.finding.severity) for r in results]
    words = [("passed", "passed"), ("fail", "failed"), ("warn", "with a warning"), ("unknown", "inconclusive")]
    return ", ".join(f"{outcomes.count(o)} {w}" for o, w in words if outcomes.count(o) or o in ("passed", "fail"))
