"""The newest verdicts, kept beside the journal for whoever looks without measuring: status, watch, a prompt."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from checks.gate import Status as Outcome
from checks.gate import Verdict
from deployment.whole_file import write_whole
from runbook.state import State

FILE = "verdicts.json"  # in the state folder


def remember(state: Path, verdicts: Sequence[Verdict], at: float) -> None:
    """Keep the newest verdicts for whoever looks without measuring."""
    write_whole(state / FILE, json.dumps({"at": at, "verdicts": [asdict(v) for v in verdicts]}))


def recall(folder: Path, state: State) -> tuple[tuple[Verdict, ...], float | None]:
    """Return the newest verdicts of this stage and when they were measured, or none."""
    path = folder / FILE
    if not path.is_file():
        return (), None
    kept = json.loads(path.read_text())
    if kept["at"] < state.since:
        return (), None
    return tuple(Verdict(**{**v, "status": Outcome(v["status"])}) for v in kept["verdicts"]), kept["at"]
