"""`lighthouse-migrate tui`: the runbook on a terminal."""

from __future__ import annotations

import os
from functools import partial

import typer

from deployment.errors import UsageError
from runbook.cli import output


def tui(
    context: typer.Context,
    read_only: bool = typer.Option(False, "--read-only", help="Look only: nothing is changed, journaled or measured."),
    ascii_only: bool = typer.Option(False, "--ascii", help="ASCII only, for a terminal that shows no UTF-8."),
) -> None:
    """Open the runbook on this terminal: read a week, check, advance, watch, go back. `?` explains the keys."""
    if not output.whole_terminal():
        raise UsageError("this is no terminal", "`lighthouse-migrate status` prints the same")
    from runbook import assembly, settings
    from runbook.tui import keys
    from runbook.tui.app import MigrateApp

    path = settings.find(context.obj)
    settings.load(path)  # a wrong settings file is said before the screen is taken
    app = MigrateApp(
        partial(assembly.opened, path),
        read_only=read_only,
        guards=True,
        utf8=False if ascii_only else None,
        remap=os.environ.get(keys.ENVIRONMENT, ""),
    )
    app.run()
    if app.return_code:
        raise typer.Exit(app.return_code)
    for work in app.works:  # what was begun is finished here, or stops at a safe point
        if work.is_alive():
            output.say(f"the {work.kind} is still at work; it ends at a safe point")
            work.join()
    if app.company is not None and app.company.is_alive():
        app.company.leave()
