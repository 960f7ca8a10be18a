"""`lighthouse-migrate metrics`: both sides in numbers and bars, live."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING

import typer

from deployment.errors import UnreachableError, UsageError
from runbook.cli import output

if TYPE_CHECKING:
    from runbook.engine import Engine
    from runbook.metering import Metered

SHORTEST_PAUSE = 0.2  # seconds between two pictures
HOME, CLEAR_LINE, CLEAR_REST = "\x1b[H", "\x1b[K", "\x1b[J"
ENTER, LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"  # the other screen, without a cursor


def metrics(
    context: typer.Context,
    window: str = typer.Option("5m", "--window", metavar="DURATION", help="How far to look back: 5m, 1h, 24h."),
    operation: str = typer.Option("", "--operation", metavar="NAME", help="Only this kind of operation: read."),
    every: float = typer.Option(1.0, "--every", min=SHORTEST_PAUSE, help="Seconds between two pictures."),
    once: bool = typer.Option(False, "--once", help="One picture, as text."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object; without --once one a line, the format first."),
) -> None:
    """Show what both sides do: the newest value of each metric, its history and its limit."""
    from runbook import assembly, metering, settings

    def wrong(why: str) -> UsageError:
        return UsageError(f"--window: {why}", "`lighthouse-migrate metrics --window 1h`")

    seconds = settings.duration(window, wrong).total_seconds()
    if seconds < 5:
        raise wrong("5s or more")
    with assembly.opened(context.obj, output.say) as engine:
        if once:
            _once(metering.meter(engine, seconds, operation), as_json=as_json)
        elif as_json:
            output.out_json({"format": 1, "kind": "metrics"})
            while True:
                output.out_json(metering.as_object(metering.meter(engine, seconds, operation)))
                time.sleep(every)
        elif sys.stdout.isatty():
            _live(engine, seconds, operation, every)
        else:
            _once(metering.meter(engine, seconds, operation), as_json=False)


def _once(seen: Metered, *, as_json: bool) -> None:
    from runbook import metering

    if as_json:
        output.out_json({"format": 1, "kind": "metrics", **metering.as_object(seen)})
    else:
        output.out_lines(metering.lines(seen, shutil.get_terminal_size((120, 40)).columns, utf8=_utf8()))
    if len(seen.trouble) == len(seen.meters[0].points):
        raise UnreachableError(f"nothing is known: {seen.trouble[0]}", "`lighthouse-migrate check metrics.fresh`")


def _live(engine: Engine, seconds: float, operation: str, every: float) -> None:
    """Paint again and again, each picture in one write over the last, until interrupted."""
    from runbook import metering

    sys.stdout.write(ENTER)
    try:
        while True:
            began = time.monotonic()
            size = shutil.get_terminal_size()
            rows = [*metering.lines(metering.meter(engine, seconds, operation), size.columns, utf8=_utf8())]
            rows = [*rows[: size.lines - 2], "", "Ctrl-C ends"]
            painted = "\n".join(output.fit(row, sys.stdout.encoding) + CLEAR_LINE for row in rows)
            sys.stdout.write(HOME + painted + CLEAR_REST)
            sys.stdout.flush()
            time.sleep(max(SHORTEST_PAUSE, every - (time.monotonic() - began)))
    except KeyboardInterrupt:
        return
    finally:
        sys.stdout.write(LEAVE)
        sys.stdout.flush()


def _utf8() -> bool:
    return (sys.stdout.encoding or "ascii").lower().replace("-", "") == "utf8"
