"""`metrics`: both sides in numbers and bars, as text, as JSON and as a picture that does not flicker."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deployment.errors import UnreachableError, UsageError
from deployment.metrics.series import Point
from runbook.cli.main import app
from runbook.metering import bars
from tests.runbook.cli.deployed import deployed


def run(path: Path, *words: str) -> str:
    done = CliRunner().invoke(app, ["--settings", str(path), "metrics", *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_both_sides_are_told_as_json(tmp_path: Path) -> None:
    said = json.loads(run(deployed(tmp_path), "--once", "--json", "--window", "60s"))
    assert (said["format"], said["kind"], said["operations"]) == (1, "metrics", ["read"])
    p95 = said["metrics"]["p95"]
    assert p95["limit"] == 0.005
    values = [value for _, value, _ in p95["canary"] if value is not None]
    assert len(values) > 20
    assert all(0.00005 <= value <= 0.0001 for value in values)
    counted = sum(samples for _, _, samples in said["metrics"]["operations_rate"]["stable"])
    assert counted == pytest.approx(60 * 40, rel=0.1)


def test_text_has_each_metric_its_history_and_its_limit(tmp_path: Path) -> None:
    lines = run(deployed(tmp_path), "--once", "--window", "60s").splitlines()
    stable = next(number for number, line in enumerate(lines) if line.startswith("p95 "))
    assert "stable" in lines[stable] and "canary" in lines[stable + 1]
    assert "97.5 µs" in lines[stable]
    assert lines[stable + 1].endswith("≤ 5 ms")
    assert "█" in lines[stable]
    assert not any("\x1b" in line for line in lines)


def test_one_kind_of_operation_can_be_looked_at(tmp_path: Path) -> None:
    path = deployed(tmp_path)
    assert "operation read" in run(path, "--once", "--operation", "read")
    assert json.loads(run(path, "--once", "--json", "--operation", "read"))["metrics"].keys() >= {"p50", "p99"}


def test_without_any_sample_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError) as raised:
        run(deployed(tmp_path, seconds=0), "--once")
    assert "nothing is known" in raised.value.message


@pytest.mark.parametrize("window", ["nonsense", "1s"])
def test_a_window_that_is_none_is_refused(tmp_path: Path, window: str) -> None:
    with pytest.raises(UsageError):
        run(deployed(tmp_path), "--once", "--window", window)


def test_bars_leave_what_is_not_known_blank() -> None:
    points = [Point(0, 0.0, 1), Point(1, None, 0), Point(2, 5.0, 1), Point(3, 10.0, 1)]
    assert bars(points, 10.0, utf8=True) == "▁ ▄█"
    assert bars(points, 10.0, utf8=False) == "_ -#"


def test_on_a_terminal_it_paints_over_and_puts_the_screen_back(tmp_path: Path) -> None:
    path = deployed(tmp_path)
    program = str(Path(sys.executable).with_name("lighthouse-migrate"))
    parent, child = pty.openpty()
    command = [program, "--settings", str(path), "metrics", "--every", "0.2", "--window", "60s"]
    process = subprocess.Popen(command, stdin=child, stdout=child, stderr=child, env=os.environ | {"TERM": "xterm"})
    os.close(child)
    seen = b""
    until = time.monotonic() + 20
    began = 0.0
    while seen.count(b"\x1b[H") < 4 and time.monotonic() < until:
        if select.select([parent], [], [], 0.5)[0]:
            seen += os.read(parent, 65536)
            began = began or time.monotonic()
    spent = time.monotonic() - began
    process.send_signal(signal.SIGINT)
    while select.select([parent], [], [], 2)[0]:
        try:
            more = os.read(parent, 65536)
        except OSError:  # how Linux ends a terminal
            break
        seen += more
    assert process.wait(10) == 0
    os.close(parent)
    assert seen.count(b"\x1b[H") >= 4
    assert b"\x1b[2J" not in seen  # nothing is wiped first: that is what flickers
    assert spent >= 0.5  # four pictures at no more than five a second
    assert seen.rstrip().endswith(b"\x1b[?25h\x1b[?1049l")
