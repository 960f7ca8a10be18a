"""`lighthouse-migrate checks`: which checks there are, and what each looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from deployment.errors import UsageError
from runbook.cli import output

if TYPE_CHECKING:
    from checks.check import Check

app = typer.Typer(help="Which checks there are, and what each looks at.", no_args_is_help=True)
DOCUMENT = "docs/checks.md"


@app.command("list")
def list_checks(as_json: bool = typer.Option(False, "--json", help="One JSON object.")) -> None:
    """Name every check, by where it looks."""
    from checks.registry import CHECKS

    if as_json:
        names = [{"id": c.id, "question": c.question, "where": c.where, "weeks": weeks(c.id)} for c in CHECKS.values()]
        output.out_json({"format": 1, "kind": "checks", "checks": names})
        return
    for where in dict.fromkeys(c.where for c in CHECKS.values()):
        output.out(where)
        output.out_lines(f"  {c.id:<24} {c.question}" for c in CHECKS.values() if c.where == where)


@app.command()
def explain(
    name: str = typer.Argument(metavar="ID", help="The check."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object."),
) -> None:
    """Say what a check looks at, why, how what it finds is repaired, and where to read on."""
    from checks.registry import CHECKS

    if name not in CHECKS:
        raise UsageError(f"there is no check {name!r}", "`lighthouse-migrate checks list` names them")
    told = explained(CHECKS[name])
    if as_json:
        output.out_json({"format": 1, "kind": "check-explained", **told})
        return
    output.out(f"{told['id']}  {told['question']}")
    asked = [f"in week {', '.join(map(str, told['weeks']))}"] if told["weeks"] else []
    asked += ["by `check` whatever the week"] if told["always"] else []
    rows = {
        "looks at": told["looks_at"],
        "where": told["where"],
        "asked": ", and ".join(asked) or "by its id only",
        "deadline": f"{told['deadline']:g} s",
        "why": told["why"],
        "repaired": told["repaired"],
        "source": f"{told['source']}; {told['link']}",
    }
    output.out_lines(f"  {word:<9} {text}" for word, text in rows.items())


def explained(check: Check) -> dict[str, Any]:
    """Return all that is known of a check, whatever it would find."""
    from checks.explanations import EXPLANATIONS
    from checks.registry import ALWAYS

    why, repaired = EXPLANATIONS[check.id]
    return {
        "id": check.id,
        "question": check.question,
        "where": check.where,
        "looks_at": (check.run.__doc__ or "").strip().splitlines()[0],
        "why": why,
        "repaired": repaired,
        "weeks": weeks(check.id),
        "always": check.id in ALWAYS,
        "fix": check.repairs is not None,
        "deadline": check.seconds,
        "link": link(check.id),
        "source": f"{check.run.__module__.replace('.', '/')}.py",
    }


def link(check: str) -> str:
    """Return where a check is documented."""
    return f"{DOCUMENT}#{check.replace('.', '')}"


def weeks(check: str) -> list[int]:
    """Return the weeks whose stages ask a check."""
    from phases.calendar import PHASES

    return [p.week for p in PHASES if any(check in (*s.entry, *s.exit) for s in p.stages)]
