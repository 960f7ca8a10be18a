"""Make the pictures of the documents from the screens themselves: `.venv/bin/python docs/pictures.py`."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
os.environ.pop("NO_COLOR", None)
os.environ |= {"TZ": "UTC", "COLORTERM": "truecolor", "TEXTUAL_ANIMATIONS": "none"}

from runbook.tui.app import MigrateApp
from tests.runbook.tui.hand import PICTURES, app_of, metered
from tests.runbook.tui.settled import settled

FOLDER = Path(__file__).parent / "pictures"
ROOMS = {"home": "escape", "metrics": "m", "explain": "e", "help": "question_mark"}


def filled() -> MigrateApp:
    """Return the app in week 5, held by a gate, with five minutes of measurements behind it."""
    seen = PICTURES["hold"]
    shot = replace(seen.snapshot, name="prod/bridge")
    return app_of(replace(seen, snapshot=shot, events=seen.events[:-1], metered=metered()))


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
