"""`lighthouse-migrate tui`: the runbook on a terminal."""

from __future__ import annotations

import os
from functools import partial

import typer

from deployment.errors import UsageError
from runbook.cli import output

#: Set by whoever shows a Textual program in a browser: there is no terminal then, and none is needed.
SERVED = "TEXTUAL_DRIVER"


def tui(
    context: typer.Context,
    read_only: bool = typer.Option(False, "--read-only", help="Look only: nothing is changed, journaled or measured."),
    ascii_only: bool = typer.Option(False, "--ascii", help="ASCII only, for a terminal that shows no UTF-8."),
    serve: bool = typer.Option(False, "--serve", help="Show it in a browser of this machine, read-only."),
    port: int = typer.Option(8790, "--port", min=1, max=65535, help="With --serve: where, on 127.0.0.1."),
    allow_changes: bool = typer.Option(False, "--allow-changes", help="With --serve: not read-only."),
) -> None:
    """Open the runbook on this terminal: read a week, check, advance, watch, go back. `?` explains the keys."""
    from runbook import settings

    path = settings.find(context.obj)
    found = settings.load(path)  # a wrong settings file is said before the screen is taken
    if serve:
        from runbook.tui import serve as serving

        serving.serve(path, port, read_only=not allow_changes)
        return
    if allow_changes:
        raise UsageError("--allow-changes is for --serve", "leave --read-only away")
    if not output.whole_terminal() and SERVED not in os.environ:
        raise UsageError("this is no terminal", "`lighthouse-migrate status` prints the same")
    from runbook import assembly
    from runbook.tui import keys
    from runbook.tui.app import MigrateApp
    from runbook.tui.remembered import FILE

    app = MigrateApp(
        partial(assembly.opened, path),
        read_only=read_only,
        guards=True,
        utf8=False if ascii_only else None,
        moved_keys={**found.keys, **keys.moves(os.environ.get(keys.ENVIRONMENT, ""))},
        memory=found.place.state / FILE,
    )
    app.run()
    if app.return_code:
        raise typer.Exit(app.return_code)
    for work in app.unfinished():  # what was begun is finished here, or stops at a safe point
        output.say(f"the {work.kind} is still at work; it ends at a safe point")
        work.join()
    if app.company is not None and app.company.is_alive():
        app.company.leave()
