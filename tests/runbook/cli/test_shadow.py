"""How comparisons read: counts, both answers where they differ, and what is left out with its reason."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from deployment.divergences import Found
from deployment.model import Side
from runbook.cli.shadow import lines

ROW = {"primary": "fusepy", "shadow": "pyfuse3"}
TOLD: dict[str, Any] = {
    "comparing": True,
    "trouble": "",
    "raced": 4,
    "ignored": {"st_ino": "each backend numbers inodes by itself"},
    "counts": [
        {**ROW, "operation": "read", "comparisons": 1500, "divergence": 0},
        {**ROW, "operation": "getattr", "comparisons": 20, "divergence": 2},
    ],
    "divergences": [
        {
            "at": 0.0,
            "path": f"current/{number}",
            "operations": ["getattr"],
            "differing": ["attributes", "error"],
            "primary": {"backend": "fusepy", "attributes": {"st_size": 1, "st_mode": 33188}},
            "shadow": {"backend": "pyfuse3", "attributes": {"st_size": 2, "st_mode": 33188}, "error": "EIO"},
        }
        for number in range(3)
    ],
}


def read(last: int = 10, **changes: Any) -> list[str]:
    return list(lines(Found("stable-1", Side.STABLE, {**TOLD, **changes}), last))


def test_it_begins_with_the_sum_and_names_the_operations_that_diverge_first() -> None:
    text = read()
    assert text[0] == "stable-1  compares: 1,520 comparisons, 2 divergent, 4 raced"
    assert text[1].split()[:4] == ["getattr", "20", "compared", "2"]
    assert "fusepy against pyfuse3" in text[2]
    assert "st_ino" in text[-1]
    assert "each backend" in text[-1]


def test_both_answers_are_shown_and_of_them_only_what_differs() -> None:
    text = "\n".join(read(last=1))
    assert "current/2  by getattr" in text
    assert "current/1" not in text
    assert "the newest 1 of 3" in text
    assert 'attributes   fusepy   {"st_size": 1}' in text
    assert 'attributes   pyfuse3  {"st_size": 2}' in text
    assert "error        fusepy   nothing" in text
    assert "error        pyfuse3  EIO" in text


def test_trouble_is_said_and_a_mirror_that_is_off_is_not_taken_for_agreement() -> None:
    assert "  ! cannot compare now: the shadow is gone" in read(trouble="the shadow is gone")
    assert "the mirror is off" in read(comparing=False)[0]
    (only,) = read(comparing=False, counts=[])
    assert "compares nothing" in only


def test_where_nothing_runs_it_says_so_and_exits_with_4(tmp_path: Path) -> None:
    (tmp_path / "lighthouse-migrate.toml").write_text('[target]\nlive = "live"\n')
    command = [sys.executable, "-c", "from runbook.cli.main import run; run()", "shadow", "--json"]
    said = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert (said.returncode, said.stdout) == (4, "")
    assert "error: no Bridge is running" in said.stderr
    assert "lighthouse-migrate status" in said.stderr
