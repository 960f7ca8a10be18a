"""What commands cost: CPU time above a bare interpreter, in milliseconds.

Run by `./dev bench cli`. The commands are run in turn, one of each a round, so that noise falls on all alike; a figure
is the median over the rounds of user plus system time, children that are waited for included. `status` is asked twice:
of a folder that was initialised and nothing more (`status_ms`), and, with `--deployed`, of a running deployment.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from deployment.targets.local import LocalTarget
from runbook.settings import FILE, load

PROGRAM = str(Path(sys.executable).with_name("lighthouse-migrate"))
PORTS = 10


def cpu_ms(command: Sequence[str], folder: Path) -> float:
    """Run a command and return its user plus system time in milliseconds."""
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    error = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode not in (0, 3):  # 3: a check says no, which is an answer
        raise SystemExit(f"`{' '.join(command)}` ended with {process.returncode}: {error.decode()}")
    return (used.ru_utime + used.ru_stime) * 1000


def medians(commands: Mapping[str, Sequence[str]], folder: Path, rounds: int) -> dict[str, float]:
    """Return the median cost of each command over interleaved rounds, after one that is not counted."""
    spent: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            used = cpu_ms(command, folder)
            if number:
                spent[name].append(used)
    return {name: statistics.median(values) for name, values in spent.items()}


def free_ports() -> int:
    """Return the first of ten ports in a row that are free now."""
    for first in range(20_000, 60_000, PORTS):
        with_all = []
        try:
            for port in range(first, first + PORTS):
                taken = socket.socket()
                with_all.append(taken)
                taken.bind(("127.0.0.1", port))
        except OSError:
            continue
        finally:
            for taken in with_all:
                taken.close()
        return first
    raise SystemExit("no ten ports in a row are free")


@contextmanager
def deployment(*, deployed: bool) -> Iterator[Path]:
    """Give a folder with an initialised deployment, at week 0 if asked for, and take everything away again."""
    with tempfile.TemporaryDirectory(prefix="lm") as name:
        folder = Path(name)
        subprocess.run([PROGRAM, "init", "--base-port", str(free_ports())], cwd=folder, check=True, capture_output=True)
        try:
            if deployed:
                print("deploying week 0 …", file=sys.stderr)
                subprocess.run([PROGRAM, "advance", "--yes"], cwd=folder, check=True, stdout=sys.stderr)
            yield folder
        finally:
            left = LocalTarget(load(folder / FILE).place).destroy(lambda line: print(line, file=sys.stderr))
            if left:
                raise SystemExit(f"left behind: {', '.join(left)}")


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(prog="./dev bench cli", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="at least 9")
    parser.add_argument("--deployed", action="store_true", help="also measure status against a running deployment")
    chosen = parser.parse_args()
    bare = [sys.executable, "-c", "pass"]
    with deployment(deployed=False) as folder:
        commands = {
            "bare": bare,
            "status": [PROGRAM, "status"],
            "help": [PROGRAM, "--help"],
            "check": [PROGRAM, "check", "host.fuse-device"],
            "check_help": [PROGRAM, "check", "--help"],
        }
        found = medians(commands, folder, max(9, chosen.rounds))
    if chosen.deployed:
        with deployment(deployed=True) as folder:
            again = medians({"bare": bare, "status_deployed": [PROGRAM, "status"]}, folder, max(9, chosen.rounds))
            found["status_deployed"] = again["status_deployed"] - again["bare"] + found["bare"]
    figures = {"rounds": max(9, chosen.rounds), "bare_ms": found["bare"], "status_ms": found["status"]}
    figures |= {f"{name}_above_bare_ms": cost - found["bare"] for name, cost in found.items() if name != "bare"}
    print(json.dumps({name: round(value, 1) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
