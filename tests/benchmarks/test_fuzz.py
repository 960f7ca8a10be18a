"""The fuzzer finds nothing on the two backends, and everything where a difference was planted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.fuzz import Sequence, Tally
from dualfuse.steps import KINDS
from tests.dualfuse.served import serve

REPOSITORY = Path(__file__).parent.parent.parent


def _fuzz(*words: str) -> tuple[int, dict[str, Any]]:
    said = subprocess.run(
        [sys.executable, "-m", "benchmarks.fuzz", *words], capture_output=True, text=True, timeout=100, cwd=REPOSITORY
    )
    assert said.stdout, said.stderr
    return said.returncode, json.loads(said.stdout.splitlines()[-1])


@pytest.mark.fuse
def test_both_backends_do_what_a_plain_directory_does() -> None:
    code, answer = _fuzz("--operations", "800")
    assert (code, answer["operations"], answer["differences"], answer["against_plain"]) == (0, 800, 0, 0)
    assert answer["kinds"] == len(KINDS)
    assert answer["succeeded"] > 200


@pytest.mark.fuse
def test_one_seed_is_one_sequence() -> None:
    _, first = _fuzz("--seed", "7", "--length", "60")
    _, second = _fuzz("--seed", "7", "--length", "60")
    assert first["operations"] == 60
    assert first["succeeded"] == second["succeeded"]


@pytest.mark.fuse
def test_a_planted_difference_is_found_with_its_seed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "plain"):
        (tmp_path / name).mkdir()
    tally = Tally()
    with serve("tests.dualfuse.test_commands:Forgetful", tmp_path / "b", "pyfuse3"):
        Sequence(3, (tmp_path / "a", tmp_path / "b", tmp_path / "plain"), tally).run(400, 100)
    assert tally.differences >= 1
    assert tally.operations < 400  # what follows a difference would only repeat it
    assert '"seed": 3' in capsys.readouterr().out
