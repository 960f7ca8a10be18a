"""The way back after week 8: a whole rehearsal, and then `rollback --to 7` under load, with all but the archive lost.

    python -m benchmarks.cleaning.way_back [--target docker] [--keep FOLDER]

Before the rollback the packages and images that the target keeps for itself are removed, so that what fusepy comes
back from is the archive. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cleanup import archive
from deployment.model import Side
from runbook.engine import Engine
from runbook.rehearsal.rehearsal import Rehearsal
from runbook.report.facts import gather
from runbook.report.markdown import markdown
from runbook.report.page import page
from runbook.settings import Settings


@dataclass
class Found:
    """What the way back showed."""

    archive_mb: float = 0.0
    archive_wrong: tuple[str, ...] = ()
    rollback_seconds: float = 0.0
    serving: str = ""
    project_branch: str = ""
    claims: list[dict[str, Any]] = field(default_factory=list)


class AndBack(Rehearsal):
    """A rehearsal that goes back when it has arrived."""

    def __init__(self, folder: Path, target: str, reports: Path) -> None:
        super().__init__(folder, lambda line: print(line, file=sys.stderr), target=target)
        self.found, self._reports = Found(), reports

    def _walk(self, engine: Engine, settings: Settings) -> None:
        super()._walk(engine, settings)
        state, found = settings.place.state, self.found
        facts = gather(engine.journal.events())
        (self._reports / "report.md").write_text(markdown(facts))
        (self._reports / "report.html").write_text(page(facts))
        found.claims = facts.claims
        found.archive_mb = round(archive.read(state / "archive").bytes / 1e6, 1)
        found.archive_wrong = archive.rehearse(state / "archive")
        shutil.rmtree(state / "wheels", ignore_errors=True)
        for kept in (state / "images").glob("*.tar"):
            kept.unlink()
        began = time.monotonic()
        engine.rollback(7, reason="the way back after week 8")
        found.rollback_seconds = round(time.monotonic() - began, 2)
        stable = engine.target.observe().serving(Side.STABLE)
        found.serving = (stable.serving if stable else None) or "nobody"
        head = (settings.project / ".git" / "HEAD").read_text().strip() if settings.project else ""
        found.project_branch = head.removeprefix("ref: refs/heads/")
        time.sleep(3.0)  # clients go on for a moment on what came back

    def _prove(self, _engine: Engine) -> None:
        """Prove by the deployment itself that fusepy serves beside pyfuse3 again."""
        if self.found.serving != "fusepy":
            raise SystemExit(f"after the rollback {self.found.serving} serves on the stable side")


def walked(target: str, reports: Path) -> dict[str, Any]:
    """Walk, go back, and return what was seen."""
    reports.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="back-", dir="/tmp") as folder:
        walk = AndBack(Path(folder), target, reports)
        outcome = walk.run()
    totals = outcome.totals
    return {
        "target": target,
        "operations": totals.operations if totals else 0,
        "failed": totals.failed if totals else None,
        "left_behind": list(outcome.left_behind),
        "seconds": round(outcome.seconds, 1),
        **vars(walk.found),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--target", choices=("local", "docker"), default="local")
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir(), "way-back"))
    chosen = parser.parse_args()
    print(json.dumps(walked(chosen.target, chosen.keep)))
