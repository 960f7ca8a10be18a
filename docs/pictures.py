"""Make the pictures of the documents from the screens themselves: `.venv/bin/python docs/pictures.py`."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections import deque
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
os.environ.pop("NO_COLOR", None)
os.environ |= {"TZ": "UTC", "COLORTERM": "truecolor", "TEXTUAL_ANIMATIONS": "none"}

from deployment.metrics.source import Metric
from deployment.model import Side
from runbook.tui.app import MigrateApp
from tests.runbook.tui.hand import NOW, PICTURES, READINGS, app_of
from tests.runbook.tui.settled import settled

FOLDER = Path(__file__).parent / "pictures"
ROOMS = {"home": "escape", "metrics": "m", "explain": "e", "help": "question_mark"}


def filled() -> MigrateApp:
    """Return the app in week 5, held by a gate, with five minutes of measurements behind it."""
    seen = PICTURES["hold"]
    app = app_of(
        replace(seen, snapshot=replace(seen.snapshot, name="prod/bridge"), events=seen.events[:-1], readings=READINGS)
    )
    for metric, low in ((Metric.P95, 0.0031), (Metric.ERROR_RATIO, 0.0012)):
        for side, more in ((Side.STABLE, 0.0), (Side.CANARY, 0.9)):
            points = [(NOW - 295 + 5 * n, low * (1 + (n * 7 % 11) / 40 + more * n / 59)) for n in range(60)]
            app.trail.sides[metric, side] = deque(points)
    for verdict in seen.snapshot.verdicts:
        if verdict.value is not None:
            app.trail.gates[verdict.id] = deque((NOW - 300 + n, verdict.value * (0.6 + n / 50)) for n in range(20))
    return app


async def draw() -> None:
    """Draw every room once."""
    FOLDER.mkdir(exist_ok=True)
    for name, key in ROOMS.items():
        app = filled()
        async with app.run_test(size=(110, 32)) as pilot:
            await settled(pilot)
            await pilot.press(key)
            await pilot.pause()
            (FOLDER / f"{name}.svg").write_text(app.export_screenshot(title="lighthouse-migrate"), encoding="utf-8")


if __name__ == "__main__":
    time.tzset()
    asyncio.run(draw())
