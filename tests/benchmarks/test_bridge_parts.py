"""Switches, kills and hand-overs, a few of each: nothing fails, nothing is lost, nothing old is read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from benchmarks.bridge_parts import hand_overs, kills

pytestmark = pytest.mark.fuse
REPOSITORY = Path(__file__).parents[2]


def test_clients_do_not_notice_switches() -> None:
    four = (
        "import json; from benchmarks.bridge_parts import switches as s; "
        "s.SWITCHES = 4; print(json.dumps(s.switches()))"
    )
    said = subprocess.run([sys.executable, "-c", four], capture_output=True, text=True, timeout=110, cwd=REPOSITORY)
    assert said.returncode == 0, said.stderr
    answer = json.loads(said.stdout.splitlines()[-1])
    assert (answer["switches"], answer["switch_failures"], answer["unmet"]) == (4, [], [])
    assert answer["switch_verified_bytes"] > 0


def test_kills_lose_nothing_that_was_acknowledged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kills, "KILLS", 6)
    answer = kills.kills()
    assert (answer["kills"], answer["losses"], answer["unmet"]) == (6, [], [])
    assert answer["acknowledged_writes"] > 0


def test_what_is_handed_over_is_never_older() -> None:
    answer = hand_overs.hand_overs(600)
    assert (answer["hand_overs"], answer["stale"], answer["unmet"]) == (600, [], [])


def test_a_content_that_is_not_whole_has_no_number() -> None:
    content = kills.body(7, Random(1))
    assert kills.number_of(content) == 7
    assert kills.number_of(content[:-1]) == kills.number_of(b"") == -1
