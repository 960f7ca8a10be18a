"""The benchmark of scaling measures every point on both backends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent.parent


@pytest.mark.fuse
def test_every_point_is_measured_on_both() -> None:
    most = ["--rounds", "1", "--clients", "2", "--entries", "100", "--bytes", "65536"]
    said = subprocess.run(
        [sys.executable, "-m", "benchmarks.scaling", *most], capture_output=True, text=True, timeout=100, cwd=REPOSITORY
    )
    assert said.returncode == 0, said.stderr
    answer = json.loads(said.stdout.splitlines()[-1])
    for name, measured in (("clients", ["1", "2"]), ("entries", ["10", "100"]), ("bytes", ["1024", "65536"])):
        assert list(answer[name]) == measured
        for each in answer[name].values():
            assert each["fusepy"] > 0
            assert each["pyfuse3"] > 0
            assert each["time_ratio"] > 0
