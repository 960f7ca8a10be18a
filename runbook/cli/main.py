"""The program `lighthouse-migrate`: its commands, and the one place where errors become words and exit codes."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from deployment.errors import OperatorError
from runbook.cli import (
    advance,
    archive,
    check,
    checks,
    cleanup,
    gate,
    history,
    init,
    kit,
    metrics,
    notify,
    output,
    plan,
    rehearse,
    report,
    rollback,
    shadow,
    status,
    tui,
    watch,
)

app = typer.Typer(
    name="lighthouse-migrate",
    help="Move a live FUSE service from fusepy/libfuse2 to pyfuse3/libfuse3, week by week, without an outage.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _default(
    context: typer.Context,
    settings: Path | None = typer.Option(
        None, "--settings", help="The settings file; else the nearest one above here."
    ),
) -> None:
    context.obj = settings
    if context.invoked_subcommand is not None:
        return
    if output.whole_terminal():
        tui.tui(context, read_only=False, ascii_only=False, serve=False, port=0, allow_changes=False)
    else:
        status.status(context, as_json=False, measure=False)


for _command in (
    *(init.init, status.status, check.check, plan.plan, advance.advance, rollback.rollback),
    *(
        watch.watch,
        metrics.metrics,
        shadow.shadow,
        history.history,
        notify.notify,
        cleanup.cleanup,
        report.report,
        rehearse.rehearse,
        tui.tui,
    ),
):
    app.command()(_command)
app.add_typer(archive.app, name="archive")
app.add_typer(checks.app, name="checks")
app.add_typer(gate.app, name="gate")
app.add_typer(kit.app, name="kit")


def run() -> None:
    """Run the program and exit: 0 ok, 1 failed, 2 usage, 3 held, 4 unreachable, 5 locked, 130 interrupted."""
    try:
        code = app(standalone_mode=False) or 0  # what a command exits with comes back as a value
    except OperatorError as error:
        output.error(error.message, error.hint)
        code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        output.error("interrupted", "`lighthouse-migrate status` says what was cut off")
        code = 130
    except BrokenPipeError:
        code = 0  # whoever read our output has seen enough
    except Exception as error:  # noqa: BLE001 - the boundary: anything else is a bug, and leaves a log to send
        code = _usage(error) or _bug(error)
    sys.stdout.flush()
    sys.exit(code)


def _usage(error: Exception) -> int | None:
    """Show a wrong command line as an error with a hint; None where the error is something else."""
    message = getattr(error, "format_message", None)
    if message is None:
        return None
    output.error(message(), "`lighthouse-migrate --help`")
    return int(getattr(error, "exit_code", 2))


def _bug(error: Exception) -> int:
    import time
    import traceback

    log = Path.cwd() / f"lighthouse-migrate-crash-{time.strftime('%Y%m%dT%H%M%S')}.log"
    text = "".join(traceback.format_exception(error))
    try:
        log.write_text(text)
        output.error(
            f"this is a bug: {type(error).__name__}: {error}", f"send {log}; `lighthouse-migrate rollback` still works"
        )
    except OSError:
        output.error(f"this is a bug: {type(error).__name__}: {error}", text)
    return 1
