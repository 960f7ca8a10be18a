"""Run a benchmark as `./dev bench` does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]


def bench(name: str, *words: str) -> dict[str, Any]:
    """Return what a benchmark answers; its exit status must be 0."""
    said = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", *words],
        capture_output=True,
        text=True,
        timeout=110,
        cwd=REPOSITORY,
    )
    assert said.returncode == 0, said.stdout + said.stderr
    answer: dict[str, Any] = json.loads(said.stdout.splitlines()[-1])
    return answer
