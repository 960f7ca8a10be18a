"""What the terminal interface costs: first paint against a bare Textual app, a tick, idling, growth.

Run by `./dev bench tui`. Both apps run in turn on a pseudo-terminal of 120x36, so that noise falls on both alike; first
paint is the wall-clock time from the start of the process to the first full frame, the median over the rounds. The
others are of one app that stays open over a real, not yet deployed folder: CPU time of a repaint of the metrics with
two charts of two series of 300 points, CPU share while nothing is pressed, and growth of resident memory.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import json
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
SIZE = (36, 120)
SECONDS = 20.0


@contextmanager
def on_a_terminal(command: list[str], folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run a command on a pseudo-terminal of its own, and end it."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    process = subprocess.Popen(
        command, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, env=environment
    )
    os.close(theirs)
    try:
        yield process, ours
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        os.close(ours)


def read_until(terminal: int, mark: bytes, seconds: float = SECONDS) -> None:
    """Read what is painted until a mark is there."""
    painted, end = b"", time.monotonic() + seconds
    while mark not in painted:
        ready, _, _ = select.select([terminal], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            raise SystemExit(f"{mark.decode()} was not painted; the end of what was: {painted[-300:]!r}")
        painted += os.read(terminal, 65536)


def drain(terminal: int, seconds: float) -> None:
    """Let it paint for a while."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if select.select([terminal], [], [], left)[0]:
            os.read(terminal, 65536)


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


def tick_ms(ticks: int) -> float:
    """Return the median CPU time of a repaint of both charts, in milliseconds."""
    from runbook.tui.metrics import MetricsRoom
    from tests.runbook.tui.hand import NOW, PICTURES, READINGS, app_of

    async def run() -> float:
        from dataclasses import replace

        from deployment.metrics.source import Metric
        from deployment.model import Side

        app = app_of(replace(PICTURES["hold"], readings=READINGS))
        spent: list[float] = []
        async with app.run_test(size=(SIZE[1], SIZE[0])) as pilot:
            await pilot.press("m")
            room = app.screen
            assert isinstance(room, MetricsRoom)
            for tick in range(ticks):
                for metric in (Metric.P95, Metric.ERROR_RATIO):
                    for side in Side:
                        points = [(NOW - 299 + n, 0.003 * (1 + ((n + tick) % 17) / 10)) for n in range(300)]
                        app.trail.sides[metric, side] = deque(points)
                began = time.process_time()
                room.paint()
                await pilot.pause(0)
                spent.append(time.process_time() - began)
        return statistics.median(spent) * 1000

    return asyncio.run(run())


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(prog="./dev bench tui", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="of first paint")
    parser.add_argument("--seconds", type=float, default=30.0, help="to idle; 3600 for a soak")
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
        share, growth = idle(folder, chosen.seconds)
    figures = {
        "bare_first_paint_ms": bare,
        "first_paint_ms": ours,
        "first_paint_ratio": ours / bare,
        "tick_ms": tick_ms(30),
        "idle_cpu_percent": share,
        "growth_mb": growth,
    }
    print(json.dumps({key: round(value, 2) for key, value in figures.items()}))


if __name__ == "__main__":
    main()
