"""`check --fix`: the repairs the tool makes itself, each shown as a diff and agreed to first."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from checks.edits import apply
from deployment.errors import HeldError, UsageError
from runbook.cli import output

if TYPE_CHECKING:
    from checks.runner import Result
    from runbook.engine import Engine


def repair(engine: Engine, results: list[Result], *, yes: bool) -> list[Result]:
    """Repair what the results found and the tool can repair, and return the results as they are afterwards.

    Raises:
        HeldError: The repair was not agreed to.
        UsageError: Nobody can be asked here.
    """
    project = engine.settings.project
    bad = [r.check for r in results if r.finding is not None and r.check.repairs is not None]
    repaired = []
    for check in bad if project is not None else ():
        assert project is not None and check.repairs is not None
        edits = check.repairs(project)  # after the repairs before it, which may have touched the same file
        if not edits:
            continue
        for edit in edits:
            output.say(edit.diff(project))
        if not yes:
            _ask(check.id, len(edits))
        for edit in apply(project, edits):
            output.say(f"repaired {edit.file}; what it was is kept in {edit.backup}")
            engine.write("repaired-file", check=check.id, file=str(edit.file), backup=str(edit.backup))
        repaired.append(check.id)
    if not repaired:
        output.say("nothing here is for the tool to repair")
        return results
    again = {r.check.id: r for r in engine.judgement.check(repaired, engine.state())}
    return [again.get(r.check.id, r) for r in results]


def _ask(check: str, count: int) -> None:
    if not output.interactive():
        raise UsageError("nobody can be asked here", "`lighthouse-migrate check --fix --yes` agrees beforehand")
    output.say(f"{check}: write {count} file{'s' if count > 1 else ''}? [y/N]")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise HeldError("not agreed to; nothing was changed", f"`lighthouse-migrate check {check}`")
