"""The journal: durable, append-only, and a changed line is found."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook.journal import Journal, JournalError
from runbook.state import fold

DATA = st.dictionaries(st.text(max_size=8), st.one_of(st.none(), st.integers(), st.text(max_size=8)), max_size=3)


def test_events_are_read_back_in_order_by_another_process(tmp_path: Path) -> None:
    first = Journal(tmp_path / "journal.sqlite")
    first.append(1.5, "initialised", name="test")
    first.append(2.5, "entered", week=0, stage=0)
    again = Journal(tmp_path / "journal.sqlite")
    assert [(e.seq, e.at, e.kind, e.data) for e in again.events()] == [
        (1, 1.5, "initialised", {"name": "test"}),
        (2, 2.5, "entered", {"week": 0, "stage": 0}),
    ]
    assert again.broken_at() is None


@pytest.mark.parametrize("statement", ["UPDATE events SET kind = 'x'", "DELETE FROM events WHERE seq = 2"])
def test_the_file_refuses_to_forget(tmp_path: Path, statement: str) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    journal.append(1.0, "a")
    journal.append(2.0, "b")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"), sqlite3.connect(journal.path) as db:
        db.execute(statement)


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("UPDATE events SET data = '{}' WHERE seq = 2", 2),
        ("UPDATE events SET at = 9 WHERE seq = 3", 3),
        ("DELETE FROM events WHERE seq = 2", 2),
        ("DELETE FROM events WHERE seq = 1", 1),
    ],
)
def test_what_was_changed_by_force_is_found(tmp_path: Path, statement: str, broken: int) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    for number in range(4):
        journal.append(float(number), "note", number=number)
    with sqlite3.connect(journal.path) as db:
        db.execute("DROP TRIGGER events_are_never_changed")
        db.execute("DROP TRIGGER events_are_never_deleted")
        db.execute(statement)
    assert journal.broken_at() == broken


def test_two_writers_never_break_the_chain(tmp_path: Path) -> None:
    one, two = Journal(tmp_path / "journal.sqlite"), Journal(tmp_path / "journal.sqlite")
    for number in range(10):
        (one if number % 2 else two).append(float(number), "note")
    assert one.broken_at() is None
    assert [e.seq for e in one.events()] == list(range(1, 11))


def test_a_file_that_is_no_journal_is_an_error_with_a_hint(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"this is no database, but long enough to be taken for one" * 40)
    with pytest.raises(JournalError, match="cannot be opened") as error:
        Journal(path)
    assert str(tmp_path) in error.value.hint


@given(st.lists(st.tuples(st.sampled_from(["note", "change-started", "change-done"]), DATA), max_size=5))
def test_unknown_events_never_stop_the_fold(events: list[tuple[str, dict[str, object]]]) -> None:
    from runbook.journal import Event

    state = fold(Event(n, float(n), kind, dict(data), "") for n, (kind, data) in enumerate(events, 1))
    assert state.week is None
    assert state.head == len(events)
