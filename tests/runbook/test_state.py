"""State as a fold: what each event does to where we are."""

from __future__ import annotations

from typing import Any

import pytest

from runbook.journal import Event
from runbook.state import State, Status, fold


def events(*lines: tuple[str, dict[str, Any]]) -> State:
    return fold(Event(n, 100.0 + n, kind, data, "") for n, (kind, data) in enumerate(lines, 1))


ENTERED = ("entered", {"week": 6, "stage": 1, "name": "progressive"})


def test_before_the_first_week() -> None:
    assert events(("initialised", {})).status is Status.NEW


def test_an_advance_is_pending_until_it_is_entered_or_failed() -> None:
    started = ("advance-started", {"week": 7, "stage": 0})
    pending = events(ENTERED, started, ("change-started", {"change": "live path"})).pending
    assert pending is not None
    assert (pending.week, pending.change) == (7, "live path")
    assert events(ENTERED, started, ("advance-failed", {})).pending is None
    assert events(ENTERED, started, ("entered", {"week": 7, "stage": 0})).week == 7


def test_the_soak_begins_when_the_stage_is_entered_and_not_when_it_is_begun() -> None:
    state = events(("advance-started", {"week": 6, "stage": 1}), ENTERED)
    assert state.since == 102.0


@pytest.mark.parametrize(("week", "resumes"), [(0, 0), (1, 1), (3, 3), (4, 4), (6, 4), (7, 4), (8, 4)])
def test_a_rolled_back_walk_comes_back_through_the_first_tenth(week: int, resumes: int) -> None:
    state = events(("entered", {"week": week, "stage": 0}), ("rolled-back", {"reason": "p99"}))
    assert state.status is Status.ROLLED_BACK
    assert state.resume_at == (resumes, 0)


def test_evidence_is_the_newest_of_its_name() -> None:
    state = events(
        ("evidence", {"name": "backup", "data": {"sha256": "a"}}),
        ("evidence", {"name": "backup", "data": {"sha256": "b"}}),
    )
    assert state.evidence["backup"] == {"sha256": "b", "at": 102.0}


def test_an_override_ends_with_its_stage() -> None:
    overridden = ("overridden", {"id": "p95", "reason": "known"})
    assert events(ENTERED, overridden).overrides == {"p95": "known"}
    assert events(ENTERED, overridden, ENTERED).overrides == {}


def test_a_fold_goes_on_from_any_state_before() -> None:
    kinds: list[tuple[str, dict[str, Any]]] = [
        ENTERED,
        ("overridden", {"id": "p95", "reason": "known"}),
        ("evidence", {"name": "backup", "data": {"sha256": "a"}}),
        ("rollback-started", {"week": 6, "stage": 1, "reason": "p99"}),
        ("change-started", {"change": "live path"}),
        ("rolled-back", {"reason": "p99", "automatic": True}),
    ]
    lines = [Event(n, 100.0 + n, kind, data, "") for n, (kind, data) in enumerate(kinds, 1)]
    for cut in range(len(lines) + 1):
        assert fold(lines[cut:], fold(lines[:cut])) == fold(lines)
