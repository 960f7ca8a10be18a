"""`lighthouse-migrate rehearse`: the nine weeks in a sandbox, on real mounts, under load, in a few minutes."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from deployment.errors import UsageError
from runbook.cli import output

if TYPE_CHECKING:
    from types import FrameType

    from runbook.rehearsal.rehearsal import Outcome


def rehearse(
    target: str = typer.Option("local", "--target", help="Where the Bridges run: local, or docker."),
    folder: Path | None = typer.Option(None, "--folder", help="An empty folder for the sandbox; else a temporary one."),
    pace: float = typer.Option(1.0, "--pace", min=0.5, max=100.0, help="Soak so many times longer."),
    rate: float = typer.Option(80.0, "--rate", min=1.0, help="Client operations a second."),
    keep: bool = typer.Option(False, "--keep", help="Keep the sandbox folder."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object as the last line."),
) -> None:
    """Walk weeks 0-8 in a sandbox with a rollback in week 6, verify every byte, tear everything down."""
    from runbook.rehearsal.rehearsal import Rehearsal

    if target not in ("local", "docker"):
        raise UsageError(f"there is no target {target!r}", "`rehearse --target docker`, or `--target local`")
    if folder is not None and folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty", "name a folder that is not there yet")
    sandbox = (folder or Path(tempfile.mkdtemp(prefix="lighthouse-"))).resolve()
    sandbox.mkdir(parents=True, exist_ok=True)
    rehearsal = Rehearsal(sandbox, output.say, target=target, pace=pace, rate=rate)
    try:
        with interruptible():
            rehearsal.run()
    finally:
        outcome = rehearsal.outcome
        if not as_json:
            output.out_lines(table(outcome))
        if not keep and not outcome.left_behind and outcome.ok:
            shutil.rmtree(sandbox)
        else:
            output.say(f"kept {sandbox}")
        if as_json:
            output.out_json(as_object(outcome))
    if not outcome.ok:
        raise typer.Exit(1)


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn the first TERM, HUP or INT into an orderly end, and tell an impatient person that it is under way."""
    asked = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            output.say("still tearing down; a mount left behind would hang the next run")
            return
        asked = True
        raise KeyboardInterrupt

    numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def as_object(outcome: Outcome) -> dict[str, Any]:
    """Return the outcome as the documented JSON object."""
    totals = outcome.totals
    return {
        "format": 1,
        "kind": "rehearsal",
        "ok": outcome.ok,
        "operations": totals.operations if totals else 0,
        "failed_operations": totals.failed if totals else None,
        "longest_gap_seconds": round(totals.longest_gap, 3) if totals else None,
        "weeks": [{"week": w, "seconds": round(s, 1)} for w, s in sorted(outcome.weeks.items())],
        "rollback_seconds": None if outcome.rollback_seconds is None else round(outcome.rollback_seconds, 3),
        "rolled_back_to": outcome.rolled_back_to,
        "purged": outcome.purged,
        "left_behind": list(outcome.left_behind),
        "seconds": round(outcome.seconds, 1),
    }


def table(outcome: Outcome) -> Iterator[str]:
    """Yield the final table."""
    from phases.calendar import PHASES

    totals = outcome.totals
    yield ""
    yield f"{'operations done':<22} {totals.operations if totals else 0}"
    yield f"{'failed operations':<22} {totals.failed if totals else 'unknown: the walk ended early'}"
    for week, seconds in sorted(outcome.weeks.items()):
        yield f"week {week} {PHASES[week].name:<15} {seconds:6.1f} s"
    rollback = "was not reached" if outcome.rollback_seconds is None else f"{outcome.rollback_seconds:.2f} s"
    yield f"{'rollback to fusepy':<22} {rollback}"
    yield from (f"purged  {line}" for line in outcome.purged)
    yield from (f"LEFT BEHIND  {line}" for line in outcome.left_behind)
    yield f"{'whole rehearsal':<22} {outcome.seconds:.1f} s  {'ok' if outcome.ok else 'FAILED'}"
