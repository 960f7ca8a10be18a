"""The benchmark of the command line runs, cleans up, and prints what it promises."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent.parent


def test_it_prints_its_figures_as_one_json_object() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "benchmarks.cli", "--rounds", "9"],
        capture_output=True,
        text=True,
        timeout=100,
        cwd=REPOSITORY,
    )
    assert said.returncode == 0, said.stderr
    figures = json.loads(said.stdout.splitlines()[-1])
    above_bare = {f"{name}_above_bare_ms" for name in ("status", "help", "check", "check_help")}
    assert figures.keys() == {"rounds", "bare_ms", "status_ms"} | above_bare
    assert 0 < figures["bare_ms"] < figures["status_ms"]
    assert all(figures[name] > 0 for name in above_bare)
