"""A short soak swaps, verifies and reports; a failure and growth are told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.soak import WARM, course, growth, report

REPOSITORY = Path(__file__).parent.parent.parent


@pytest.mark.fuse
@pytest.mark.root
def test_a_short_soak() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "benchmarks.soak", "--minutes", "0.1", "--every", "1.5"],
        capture_output=True,
        text=True,
        timeout=100,
        cwd=REPOSITORY,
    )
    assert said.stdout, said.stderr
    answer = json.loads(said.stdout.splitlines()[-1])
    assert (said.returncode, answer["failed"], answer["failures"]) == (0, 0, [])
    assert answer["clients"] == 8
    assert answer["swaps"] >= 4
    assert answer["operations"] > 100
    assert answer["verified_bytes"] > 0
    assert all(each["bytes"]["least"] > 1_000_000 for each in answer["held"].values())
    assert all(each["descriptors"]["least"] > 0 for each in answer["held"].values())
    assert all(each["threads"]["least"] > 0 for each in answer["held"].values())
    assert answer["mounts"]["first"] == answer["mounts"]["last"] == 6


def test_growth_is_a_slope_of_warm_daemons() -> None:
    warm = [(WARM + second, 10_000_000.0 + 5_000 * second) for second in range(1, 30)]
    assert growth(warm) == pytest.approx(5_000 * 60)
    assert growth([(second / 10, second * 1_000_000.0) for second in range(100)]) is None


@pytest.mark.parametrize(("leak", "grows"), [(0, False), (1, True)])
def test_what_is_lost_with_every_swap_is_growth(leak: int, grows: bool) -> None:
    samples = [
        (WARM + second, {"descriptors": 5 + second % 4 + leak * second // 60, "bytes": 0, "threads": 3})
        for second in range(0, 1800, 2)
    ]
    assert course(samples, "descriptors")["grows"] is grows
    assert not course(samples, "threads")["grows"]


def test_a_failure_of_a_client_is_the_soaks() -> None:
    answer = report(
        [], [{"operations": 5, "verified_bytes": 1, "failed": 1, "failures": ["client 0: read: oh"]}], 6, []
    )
    assert (answer["ok"], answer["failed"], answer["failures"]) == (False, 1, ["client 0: read: oh"])


def test_mounts_that_pile_up_are_growth() -> None:
    assert report([], [], 6, [6, 6, 7])["grows"]
