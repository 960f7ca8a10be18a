"""The fuzzer finds nothing on the two backends, and everything where a difference was planted."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.fuzz import Sequence
from dualfuse.steps import KINDS
from tests.benchmarks.benched import REPOSITORY, bench
from tests.dualfuse.mutants import MUTANTS
from tests.dualfuse.served import serve


@pytest.mark.fuse
def test_both_backends_do_what_a_plain_directory_does() -> None:
    answer = bench("fuzz", "--operations", "800")
    assert (answer["differences"], answer["against_plain"]) == (0, 0)
    assert 800 <= answer["operations"] <= 2000  # a sequence that has begun is ended
    assert answer["kinds"] == len(KINDS)
    assert answer["succeeded"] > 200


@pytest.mark.fuse
def test_one_seed_is_one_sequence() -> None:
    first = bench("fuzz", "--seed", "7", "--length", "60")
    second = bench("fuzz", "--seed", "7", "--length", "60")
    assert first["operations"] == 60
    assert first["succeeded"] == second["succeeded"]


@pytest.mark.fuse
@pytest.mark.parametrize("mutant", [each.__name__ for each in MUTANTS])
def test_a_planted_fault_is_found_with_its_seed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], mutant: str
) -> None:
    for name in ("a", "plain", "under"):
        (tmp_path / name).mkdir()
    tally: Counter[str] = Counter()
    options = ["entry_timeout=0,attr_timeout=0"]
    arguments = [f"root={tmp_path / 'under'}"]
    with serve(f"tests.dualfuse.mutants:{mutant}", tmp_path / "b", "pyfuse3", arguments, options):
        for seed in range(20):
            Sequence(seed, (tmp_path / "a", tmp_path / "b", tmp_path / "plain"), tally).run(400, 100)
            if tally["differences"]:
                break
    assert tally["differences"] >= 1
    assert tally["operations"] < 400 * (seed + 1)  # what follows a difference would only repeat it
    assert f'"seed": {seed}, ' in capsys.readouterr().out


@pytest.mark.fuse
def test_an_end_by_signal_tells_what_was_found() -> None:
    command = [sys.executable, "-m", "benchmarks.fuzz", "--operations", "10000000", "--length", "50"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=REPOSITORY) as process:
        try:
            process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            process.terminate()
        said, _ = process.communicate(timeout=60)
    answer = json.loads(said.splitlines()[-1])
    assert process.returncode == 0
    assert (answer["differences"], answer["failed_workers"], answer["workers"]) == (0, 0, 2)
    assert answer["operations"] > 0
