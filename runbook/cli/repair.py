"""`check --fix`: the repairs the tool makes itself, each shown as a diff and agreed to first."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from checks import boundary
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
    found = next((r for r in results if r.check.id == "boundary" and r.finding is not None), None)
    edits = boundary.repairs(project) if found is not None and project is not None else ()
    if not edits or project is None:
        output.say("nothing here is for the tool to repair")
        return results
    for edit in edits:
        output.say(edit.diff(project))
    if not yes:
        _ask(len(edits))
    for edit in boundary.fix(project):
        output.say(f"repaired {edit.file}; what it was is kept in {edit.backup}")
        engine.write("repaired-file", file=str(edit.file), backup=str(edit.backup))
    again = {r.check.id: r for r in engine.judgement.check(("boundary",), engine.state())}
    return [again.get(r.check.id, r) for r in results]


def _ask(count: int) -> None:
    if not output.interactive():
        raise UsageError("nobody can be asked here", "`lighthouse-migrate check --fix --yes` agrees beforehand")
    output.say(f"write {count} file{'s' if count > 1 else ''}? [y/N]")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise HeldError("not agreed to; nothing was changed", "`lighthouse-migrate check boundary`")
