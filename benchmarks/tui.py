"""What the terminal interface costs: first paint against a bare Textual app, a tick, idling, growth, a key's answer.

Run by `./dev bench tui`. Both apps run in turn on a pseudo-terminal of 120x36, so that noise falls on both alike; first
paint is the wall-clock time from the start of the process to the first full frame, the median over the rounds.
Idling is measured of an app that stays open over a real, not yet deployed folder: its CPU share while nothing is
pressed, and how much it grew. A tick is the CPU time of a repaint of the metrics, two charts of two series of 300
points and the table below them. The growth over an hour is of 3,600 ticks of the app's own clock, as fast as they go,
each with a look that says something new; `--seconds 3600` idles for an hour on the wall's clock instead. A key's answer
is the wall-clock time from the press to the first row of what it opens, while the metrics source hangs: the median.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.screening import keys
from benchmarks.screening.terminal import SIZE, drain, on_a_terminal, read_until

PROGRAM = str(Path(sys.executable).with_name("lighthouse-migrate"))
BARE = """
from textual.app import App
from textual.widgets import Static

class Bare(App):
    def compose(self):
        yield Static("FIRST PAINT")

Bare().run()
"""
MARKS = {"bare": b"FIRST PAINT", "tui": b"Weeks"}
POINTS = 300  # of each series


def first_paint(name: str, command: list[str], folder: Path) -> float:
    """Return the seconds from the start of a process to its first frame."""
    began = time.monotonic()
    with on_a_terminal(command, folder) as (_process, terminal):
        read_until(terminal, MARKS[name])
        return time.monotonic() - began


def cpu_seconds(pid: int) -> float:
    """Return the user and system time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Return a process's resident memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def idle(folder: Path, seconds: float) -> tuple[float, float]:
    """Return the CPU share in percent and the growth in MB of an app nobody touches, after five seconds to settle."""
    with on_a_terminal([PROGRAM, "tui"], folder) as (process, terminal):
        read_until(terminal, MARKS["tui"])
        drain(terminal, 5.0)
        used, memory, began = cpu_seconds(process.pid), resident_mb(process.pid), time.monotonic()
        drain(terminal, seconds)
        share = (cpu_seconds(process.pid) - used) / (time.monotonic() - began)
        return share * 100, resident_mb(process.pid) - memory


async def repainted(ticks: int) -> list[float]:
    """Return the CPU seconds of each repaint of the metrics, every one with other numbers.

    Waiting until all is painted costs the driver itself something; what it costs just before, with nothing to paint, is
    taken off.
    """
    from runbook.tui.metrics import MetricsRoom
    from tests.runbook.tui.hand import PICTURES, app_of, metered

    app = app_of(PICTURES["hold"])
    spent = []
    async with app.run_test(size=(SIZE[1], SIZE[0])) as pilot:
        await pilot.press("m")
        room = app.screen
        assert isinstance(room, MetricsRoom)
        app.watcher.end()
        for tick in range(ticks):
            app.seen = replace(PICTURES["hold"], metered=metered(3600.0, POINTS, tick))
            await pilot.pause(0)
            began = time.process_time()
            await pilot.pause(0)
            waited = time.process_time() - began
            room.paint()
            await pilot.pause(0)
            spent.append(time.process_time() - began - 2 * waited)
    return spent


async def an_hour(ticks: int) -> float:
    """Return the growth of resident memory in MB over so many seconds of the app's own clock, as fast as they go.

    Every tick comes with a look that says something new, half of them at the charts. The first tenth is not counted:
    caches fill.
    """
    from runbook.tui.workers import Looked
    from tests.runbook.tui.hand import NOW, PICTURES, app_of, metered

    clock = [NOW]
    app = app_of(PICTURES["hold"], now=lambda: clock[0])
    before = 0.0
    async with app.run_test(size=(SIZE[1], SIZE[0])) as pilot:
        await pilot.pause()
        app.watcher.end()
        for tick in range(ticks):
            if tick == ticks // 10:
                gc.collect()
                before = resident_mb(os.getpid())
            if tick % 600 == 0:
                await pilot.press("m" if tick % 1200 else "escape")
            clock[0] += 1.0
            shot = replace(PICTURES["hold"].snapshot, at=clock[0], measured_at=clock[0], why=f"p95 {tick} ms > 5 ms")
            app.on_looked(Looked(replace(PICTURES["hold"], snapshot=shot, metered=metered(300.0, 60, tick))))
            app._tick()
            await pilot.pause(0)
        gc.collect()
        return resident_mb(os.getpid()) - before


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(prog="./dev bench tui", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="of first paint")
    parser.add_argument("--seconds", type=float, default=30.0, help="to idle; 3600 for a soak on the wall's clock")
    parser.add_argument("--ticks", type=int, default=3600, help="of the soak on the app's own clock")
    parser.add_argument("--presses", type=int, default=20, help="of each key")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lm") as name:
        folder = Path(name)
        (folder / "lighthouse-migrate.toml").write_text('[target]\nlive = "live"\n')
        commands = {"bare": [sys.executable, "-c", BARE], "tui": [PROGRAM, "tui"]}
        taken: dict[str, list[float]] = {which: [] for which in commands}
        for number in range(chosen.rounds + 1):  # the first is not counted
            for which, command in commands.items():
                seconds = first_paint(which, command, folder)
                if number:
                    taken[which].append(seconds)
        bare, ours = (statistics.median(taken[which]) * 1000 for which in ("bare", "tui"))
        share, idle_growth = idle(folder, chosen.seconds)
    waits = keys.waited(chosen.presses)
    figures = {
        "bare_first_paint_ms": bare,
        "first_paint_ms": ours,
        "first_paint_ratio": ours / bare,
        "tick_ms": statistics.median(asyncio.run(repainted(60))) * 1000,
        "idle_cpu_percent": share,
        "idle_growth_mb": idle_growth,
        "growth_mb": asyncio.run(an_hour(chosen.ticks)),
        "keys_ms": statistics.median(waits) * 1000,
        "keys_worst_ms": max(waits) * 1000,
    }
    print(json.dumps({key: round(value, 2) for key, value in figures.items()}))


if __name__ == "__main__":
    main()
