"""Make the pictures of the documents from a real walk: `.venv/bin/python -m docs.draw`, in some minutes.

A deployment of its own is walked through all nine weeks and back in a sandbox, under load, by the keys of the screens.
On the way the rooms are drawn, and every step of the walk becomes a moment of `walk.svg`.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ.pop("NO_COLOR", None)
os.environ |= {"TZ": "UTC", "COLORTERM": "truecolor", "TEXTUAL_ANIMATIONS": "none"}

from rich.segment import Segment
from textual._compositor import LayoutUpdate
from textual.pilot import Pilot

from docs.film import Moment, film, moment, picture
from runbook import assembly
from runbook.cli import output
from runbook.rehearsal.janitor import Janitor
from runbook.rehearsal.leftovers import left_behind
from runbook.rehearsal.sample_project import commit, make
from runbook.rehearsal.sandbox import Sandbox
from runbook.settings import Settings
from runbook.tui.app import MigrateApp

REPOSITORY = Path(__file__).resolve().parent.parent
FOLDER = REPOSITORY / "docs" / "pictures"
SIZE = (112, 32)
SOAK = {0: 0.0, 1: 5.0, 2: 5.0, 3: 5.0, 4: 10.0, 5: 45.0, 6: 5.0, 7: 5.0, 8: 0.0}
STAGES = (
    *((1, "baseline"), (2, "shadow"), (3, "parallel"), (4, "canary"), (5, "canary-soak")),
    *((6, "(50%)"), (6, "(75%)"), (6, "(90%)"), (7, "full"), (8, "cleanup")),
)
SECONDS = 300.0  # that a step may take


class Camera:
    """Watches the screens, presses keys, and draws what stands there."""

    def __init__(self, app: MigrateApp, pilot: Pilot[None], draw: Callable[[str, str], None]) -> None:
        self.moments: list[Moment] = []
        self._app, self._pilot, self._draw = app, pilot, draw

    async def press(self, *keys: str) -> None:
        """Press keys."""
        await self._pilot.press(*keys)
        await self._pilot.pause(0.3)

    async def until(self, *texts: str, gone: str = "") -> None:
        """Wait until all of these stand on the screen, and what is to be gone no longer does.

        Raises:
            TimeoutError: That does not come.
        """
        end = time.monotonic() + SECONDS
        while not all(text in (seen := self._text()) for text in texts) or (gone and gone in seen):
            if time.monotonic() > end:
                raise TimeoutError(f"{texts} is not seen, or {gone!r} is:\n{seen}")
            await self._pilot.pause(0.1)

    async def shoot(self, seconds: float = 1.5, name: str = "") -> None:
        """Keep what stands there as a moment of the walk, and as a picture of this name."""
        await self._pilot.pause(0.2)
        self.moments.append(self._seen(seconds))
        if name:
            self._draw(name, picture(self.moments[-1]))

    async def show(self, key: str, *texts: str, gone: str = "", seconds: float = 1.5, name: str = "") -> None:
        """Press a key, wait for what it leads to, and keep that as a moment."""
        await self.press(key)
        await self.until(*texts, gone=gone)
        await self.shoot(seconds, name)

    def _seen(self, seconds: float) -> Moment:
        return moment(self._strips(), SIZE[0], seconds)

    def _strips(self) -> list[list[Segment]]:
        screens = self._app._background_screens  # what a question stands before
        seen = self._app.screen._compositor.render_update(full=True, screen_stack=screens)
        assert isinstance(seen, LayoutUpdate)
        return [[segment for strip in line for segment in strip] for line in seen.strips]

    def _text(self) -> str:
        return "\n".join("".join(segment.text for segment in row) for row in self._strips())


async def walk(camera: Camera, box: Sandbox, settings: Settings) -> None:
    """Walk from week 0 to week 8 and back, as somebody would who has only the help page."""
    await camera.until("NEW", "a advance")
    await camera.shoot(3)
    await camera.press("question_mark")
    await camera.shoot(3, "help")
    await camera.show("a", "Enter week 0", seconds=3)
    await camera.show("y", "in week 0 after")
    box.start_load(f"http://127.0.0.1:{settings.place.router_port}", 80.0)

    await camera.show("w", "Refused: week 0 cannot be left: boundary", seconds=3)
    await camera.show("c", "x runs it", gone="asking ...", seconds=3, name="checks")
    await camera.show("x", "Run this?", seconds=2)
    await camera.show("y", "ended with 0")
    commit(box.project, "Run the Bridge in the container, and nothing else")

    await camera.press("l", "w")
    for week, stage in STAGES:
        await camera.until(f"Enter week {week} ")
        await camera.shoot(2)
        await camera.press(*([*settings.name, "enter"] if week >= 7 else ["y"]))
        await camera.until(f"week {week} of 8", stage, "What was said")
        await camera.shoot()
        if week == 5:
            await look_around(camera)
        if week < 8:
            await camera.press("l", "w")
    await camera.show("escape", "week 8 of 8", seconds=3)
    await camera.show("R", "rolled back to fusepy in", seconds=3)
    await camera.show("escape", "ROLLED BACK", "canary  does not run", seconds=4)


async def look_around(camera: Camera) -> None:
    """Draw the rooms in week 5, where a tenth of the clients is on pyfuse3."""
    await camera.press("escape")
    await asyncio.sleep(SOAK[5] / 2)
    await camera.shoot(3, "home")
    for key, name, text in (
        ("m", "metrics", "last 5 min"),
        ("s", "shadow", "comparisons, "),
        ("e", "explain", "Why the gates"),
    ):
        await camera.show(key, text, gone="reading ...", seconds=2, name=name)


def told(drawn: str) -> list[str]:
    """Return what a picture tells of the machine it was drawn on; it must be nothing."""
    private = (str(REPOSITORY), str(Path.home()), socket.gethostname(), sys.prefix)
    return [word for word in dict.fromkeys(private) if len(word) > 1 and word in drawn]


def draw(name: str, drawn: str) -> None:
    """Write a picture.

    Raises:
        ValueError: It tells something of this machine.
    """
    if found := told(drawn):
        raise ValueError(f"{name} tells of {', '.join(found)}")
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.svg").write_text(drawn, encoding="utf-8")


async def photograph(box: Sandbox, settings: Settings) -> None:
    """Run the screens over the sandbox's deployment, and draw them."""
    app = MigrateApp(partial(assembly.opened, settings.path), guards=True, utf8=True)
    async with app.run_test(size=SIZE) as pilot:
        camera = Camera(app, pilot, draw)
        await walk(camera, box, settings)
    draw("walk", film(camera.moments))


def main() -> None:
    """Walk, draw, and tear everything down."""
    time.tzset()
    folder = Path(tempfile.mkdtemp(prefix="rehearsal-", dir="/tmp"))
    folder.chmod(0o755)
    box = Sandbox(folder, output.say)
    make(box.project)
    settings = box.write_settings(SOAK, "local", iterations=10, comparisons=1000)
    janitor = Janitor(settings.path)
    try:
        asyncio.run(photograph(box, settings))
        totals = box.stop_load()
        output.say(f"{totals.operations} operations of clients, {totals.failed} failed: {[*totals.failures[:3]]}")
    finally:
        box.kill_load()
        left = (*assembly.target_of(settings).destroy(output.say), *left_behind(folder))
        if left:
            output.say(f"left behind: {'; '.join(left)}")
        else:
            janitor.dismiss()
            shutil.rmtree(folder)
    if totals.failed:
        raise SystemExit("clients saw failures: the pictures are not to be kept")


if __name__ == "__main__":
    main()
