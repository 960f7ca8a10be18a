"""The Bridge's benchmark: a part is run by its name, and a small store opens as a large one does."""

from __future__ import annotations

import json

import pytest

from benchmarks import bridge
from benchmarks.bridge_parts import opening, requests


def test_a_part_is_run_by_its_name_and_answers_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(opening, "EVENTS", 3_000)
    monkeypatch.setattr("sys.argv", ["bridge", "opening"])
    assert bridge.main() == 0
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert answer["events"] == 3_001  # with the one that makes the store
    assert 0 < answer["open_seconds_1m_events"] < 2
    assert answer["past_lookup_ms"] > 0
    assert answer["unmet"] == []


@pytest.mark.fuse
def test_requests_are_measured_on_both_backends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "SECONDS", 0.1)
    answer = requests.requests()
    for backend in ("fusepy", "pyfuse3"):
        for kind, _ in requests.KINDS:
            assert answer[f"{backend}_{kind}_per_second"] > 0
            assert 0 < answer[f"{backend}_{kind}_p50_ms"] <= answer[f"{backend}_{kind}_p99_ms"]
