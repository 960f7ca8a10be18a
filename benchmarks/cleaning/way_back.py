"""Week 8 and the way back under load: week 7, the purge, and `rollback --to 7` with only the archive left.

    python -m benchmarks.cleaning.way_back [--target docker] [--keep FOLDER]

The weeks before are not walked: week 7's deployment is brought about by the engine's own walker, and clients work on it
from then on. Before the rollback the packages and images that the target keeps for itself are removed, so that what
fusepy comes back from is the archive. The reports are written into FOLDER. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cleanup import archive
from deployment.model import Side
from phases.calendar import PHASES
from runbook.assembly import assemble, target_of
from runbook.clock import WallClock
from runbook.engine import Engine
from runbook.journal import Journal
from runbook.lock import OperatorLock
from runbook.purge import Purge
from runbook.rehearsal.janitor import Janitor
from runbook.rehearsal.leftovers import left_behind
from runbook.rehearsal.sample_project import make
from runbook.rehearsal.sandbox import Sandbox
from runbook.report.facts import gather
from runbook.report.markdown import markdown
from runbook.report.page import page
from runbook.settings import Settings
from runbook.steps import Walker, Wanted

RATE = 100.0  # client operations a second
MOMENT = 3.0  # seconds that clients work before and after each movement


def say(line: str) -> None:
    """Narrate."""
    print(line, file=sys.stderr, flush=True)


def walked(target: str, reports: Path) -> dict[str, Any]:
    """Purge, go back, and return what was seen."""
    reports.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="back-", dir="/tmp") as folder:
        box = Sandbox(Path(folder), say)
        make(box.project)
        settings = box.write_settings({}, target, iterations=40, comparisons=3000)
        janitor, journal = Janitor(settings.path), Journal(settings.journal)
        engine = assemble(settings, journal, say)
        try:
            found = _there_and_back(engine, settings, box, reports)
            totals = box.stop_load()
            found |= {"operations": totals.operations, "failed": totals.failed}
        finally:
            box.kill_load()
            left = tuple(dict.fromkeys((*engine.target.destroy(say), *left_behind(box.folder))))
            journal.close()
            if not left:
                janitor.dismiss()
    return {"target": target, **found, "left_behind": list(left)}


def _there_and_back(engine: Engine, settings: Settings, box: Sandbox, reports: Path) -> dict[str, Any]:
    state, target, clock = settings.place.state, target_of(settings), WallClock()
    walker = Walker(target, clock, OperatorLock(state), say)
    purge = Purge(settings, target, engine.journal, clock)
    week7, week8 = PHASES[7].stages[-1], PHASES[8].stages[0]

    engine.write("initialised", name=settings.name, target=settings.target)
    _timed(lambda: walker.bring(Wanted(week7.deployment), engine.write))
    engine.write("entered", week=7, stage=0, name=PHASES[7].name, stage_name=week7.name)
    box.start_load(f"http://127.0.0.1:{settings.place.router_port}", RATE)
    time.sleep(MOMENT)
    purging = _timed(lambda: walker.bring(Wanted(week8.deployment, purge.first, purge.last), engine.write))
    engine.write("entered", week=8, stage=0, name=PHASES[8].name, stage_name=week8.name)
    time.sleep(MOMENT)

    facts = gather(engine.journal.events())
    (reports / "report.md").write_text(markdown(facts))
    (reports / "report.html").write_text(page(facts))
    wrong = archive.rehearse(state / "archive")
    shutil.rmtree(state / "wheels", ignore_errors=True)
    for kept in (state / "images").glob("*.tar"):
        kept.unlink()
    back = _timed(lambda: engine.rollback(7, reason="the way back after week 8"))
    stable = engine.target.observe().serving(Side.STABLE)
    head = (box.project / ".git" / "HEAD").read_text().strip()
    time.sleep(MOMENT)
    return {
        "purge_seconds": purging,
        "claims": {claim["claim"]: claim["holds"] for claim in facts.claims},
        "archive_mb": round(archive.read(state / "archive").bytes / 1e6, 1),
        "archive_wrong": list(wrong),
        "rollback_seconds": back,
        "serving": (stable.serving if stable else None) or "nobody",
        "project_branch": head.removeprefix("ref: refs/heads/"),
    }


def _timed(act: Callable[[], object]) -> float:
    began = time.monotonic()
    act()
    return round(time.monotonic() - began, 2)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--target", choices=("local", "docker"), default="local")
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir(), "way-back"))
    chosen = parser.parse_args()
    print(json.dumps(walked(chosen.target, chosen.keep)))
