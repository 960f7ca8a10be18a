"""`lighthouse-migrate check`: ask the checks, and repair what may be repaired by the tool."""

from __future__ import annotations

import os
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
        None, metavar="[ID]...", help="These; else all that only look, and those of this stage and the next."
    ),
    week: int | None = typer.Option(None, "--week", min=0, max=8, help="Those of this week."),
    where: str = typer.Option("", "--where", help="Those that look there: host, bridge, image, project or metrics."),
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
    from runbook.cli import checks
    from runbook.judgement import forbids, summary

    if listed:
        checks.list_checks(as_json)
        return
    unknown = [i for i in ids or [] if i not in CHECKS]
    if unknown:
        raise UsageError(f"there is no check {unknown[0]!r}", "`lighthouse-migrate checks list` names them")
    places = dict.fromkeys(c.where for c in CHECKS.values())
    if where and where not in places:
        raise UsageError(f"no check looks at {where!r}", f"one of: {', '.join(places)}")
    with assembly.opened(context.obj, output.say) as engine:
        chosen = list(CHECKS) if everything else list(ids or _asked_by(engine, week))
        if where:
            chosen = [i for i in chosen if CHECKS[i].where == where]
        results = engine.judgement.check(chosen, engine.state())
        if fix:
            from runbook.cli.repair import repair

            results = repair(engine, results, yes=yes)
    if as_json:
        output.out_json(
            {"format": 1, "kind": "check", "results": [summary(r) | {"link": checks.link(r.check.id)} for r in results]}
        )
    else:
        output.out_lines(_lines(results))
    if any(r.check.id == "target.reachable" and forbids(r) for r in results):
        raise UnreachableError("the target does not answer", "`lighthouse-migrate status`")
    if any(forbids(r) for r in results):
        raise HeldError(_count(results), "repair it, then `lighthouse-migrate check` again")


def _asked_by(engine: Engine, week: int | None) -> list[str]:
    """Return the checks of a week; or those that only look, those at the exit of this stage and at the next one's door.

    Those of the stage come first, and what measures or moves traffic is asked only where a stage or its id asks it.
    """
    from checks.registry import ALWAYS
    from phases.calendar import PHASES, stage_at

    state = engine.state()
    if week is not None:
        stages = PHASES[week].stages
        return list(dict.fromkeys(i for s in stages for i in (*s.entry, *s.exit)))
    there = engine.next(state)
    asked = [*stage_at(state.week, state.stage).exit] if state.week is not None else []
    asked += [*stage_at(*there).entry] if there is not None else []
    return list(dict.fromkeys([*asked, *ALWAYS]))


_PLACES = {
    "host": "this host",
    "bridge": "the Bridge's place",
    "image": "the Bridge's image",
    "project": "the project's files",
    "metrics": "the metrics",
}


def _lines(results: list[Result]) -> list[str]:
    lines = []
    for where, title in _PLACES.items():
        inside = [r for r in results if r.check.where == where]
        lines += [title, *(line for result in inside for line in _of(result))] if inside else []
    return [*lines, *_unseen(results), _count(results)]


def _of(result: Result) -> list[str]:
    found = result.finding
    if found is None:
        return [f"[ok]   {result.check.id:<24} {result.check.fine or result.check.question}"]
    mark = {"fail": "[FAIL]", "warn": "[warn]", "unknown": "[?]   "}[found.severity]
    lines = [f"{mark} {result.check.id:<24} {found.seen}"]
    lines += [f"       why: {found.why}"] if found.why else []
    lines += [f"       fix: {found.remedy}"] if found.remedy else []
    return lines + [f"            $ {command}" for command in found.commands]


def _unseen(results: list[Result]) -> list[str]:
    """Say what an ordinary user could not look at."""
    if os.geteuid() == 0 or not any(r.check.where == "host" for r in results):
        return []
    return [
        f"not seen as this user: {text}" for check, text in _ROOT_SEES.items() if check in {r.check.id for r in results}
    ]


#: What root would see besides, by check.
_ROOT_SEES = {
    "host.ports": "which process of another user holds a port",
    "host.hung-requests": "which process of another user waits for a mount",
    "host.propagation": "whether the first process has the same mounts",
}


def _count(results: list[Result]) -> str:
    outcomes = ["passed" if r.finding is None else str(r.finding.severity) for r in results]
    words = [("passed", "passed"), ("fail", "failed"), ("warn", "with a warning"), ("unknown", "inconclusive")]
    return ", ".join(f"{outcomes.count(o)} {w}" for o, w in words if outcomes.count(o) or o in ("passed", "fail"))
