"""The journal: append-only, hash-chained, and the only memory the runbook has.

Every event carries the SHA-256 of the one before it, so a changed or missing line is found. State is a fold over the
events (`state.py`), so a killed tool loses nothing: what it did is written, and what it was about to do is written.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployment.errors import OperatorError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, data TEXT NOT NULL, hash TEXT NOT NULL
);
CREATE TRIGGER IF NOT EXISTS events_are_never_changed BEFORE UPDATE ON events
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER IF NOT EXISTS events_are_never_deleted BEFORE DELETE ON events
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
"""


class JournalError(OperatorError):
    """The journal cannot be read or written."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the journal."""

    seq: int
    at: float  # Unix time
    kind: str
    data: dict[str, Any]
    hash: str


class Journal:
    """The events of one deployment, in one SQLite file."""

    #: Told of every event, also of one that could not be written: what happened is news even where the disk is full.
    on_event: Callable[[str, Mapping[str, Any]], None] | None = None

    def __init__(self, path: Path) -> None:
        """Open the journal, and make it where there is none.

        Raises:
            JournalError: The file cannot be opened or is not a journal.
        """
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, timeout=5.0, check_same_thread=False)
            self._db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;" + _SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise JournalError(
                f"the journal {path} cannot be opened: {error}",
                f"look at its folder: `ls -ld {path.parent}`; free space there, or give it back to its owner",
            ) from error

    def append(self, at: float, kind: str, **data: Any) -> Event:
        """Write one event durably and return it.

        Raises:
            JournalError: It could not be written.
        """
        self._tell(kind, data)
        text = json.dumps(data, sort_keys=True)
        try:
            self._db.execute("BEGIN IMMEDIATE")
            row = self._db.execute("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1").fetchone()
            seq, previous = (row[0] + 1, row[1]) if row else (1, "")
            digest = _digest(previous, seq, at, kind, text)
            self._db.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?)", (seq, at, kind, text, digest))
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise JournalError(
                f"the journal {self.path} cannot be written: {error}", f"free space: `df -h {self.path.parent}`"
            ) from error
        return Event(seq, at, kind, data, digest)

    def events(self, after: int = 0) -> Iterator[Event]:
        """Yield every event, or those after the one with this number, oldest first.

        Raises:
            JournalError: The file cannot be read.
        """
        look = "SELECT seq, at, kind, data, hash FROM events WHERE seq > ? ORDER BY seq"
        try:
            rows = self._db.execute(look, (after,)).fetchall()
        except sqlite3.Error as error:
            raise self._unreadable(error) from error
        for seq, at, kind, text, digest in rows:
            yield Event(seq, at, kind, json.loads(text), digest)

    def head(self) -> int:
        """Return the number of the newest event, 0 before the first.

        Raises:
            JournalError: The file cannot be read.
        """
        try:
            found = self._db.execute("SELECT max(seq) FROM events").fetchone()[0]
        except sqlite3.Error as error:
            raise self._unreadable(error) from error
        return int(found or 0)

    def broken_at(self) -> int | None:
        """Return the number of the first event that does not continue the chain, or None where all do."""
        previous, expected = "", 1
        for seq, at, kind, text, digest in self._db.execute(
            "SELECT seq, at, kind, data, hash FROM events ORDER BY seq"
        ):
            if seq != expected or digest != _digest(previous, seq, at, kind, text):
                return int(expected)
            previous, expected = digest, seq + 1
        return None

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _unreadable(self, error: sqlite3.Error) -> JournalError:
        return JournalError(
            f"the journal {self.path} cannot be read: {error}",
            f"`ls -l {self.path.parent}`; a rollback goes on without it: `lighthouse-migrate rollback`",
        )

    def _tell(self, kind: str, data: Mapping[str, Any]) -> None:
        if self.on_event is not None:
            self.on_event(kind, data)


def _digest(previous: str, seq: int, at: float, kind: str, text: str) -> str:
    import hashlib  # its library is slow to load, and reading needs no digest

    return hashlib.sha256(f"{previous}\n{seq}\n{at!r}\n{kind}\n{text}".encode()).hexdigest()


class BrokenJournal(Journal):
    """Stands in for a journal that cannot be opened, so that a rollback can go on without one."""

    def __init__(self, path: Path, error: JournalError) -> None:
        self.path, self._error = path, error

    def append(self, at: float, kind: str, **data: Any) -> Event:  # noqa: ARG002
        """Refuse."""
        self._tell(kind, data)
        raise self._error

    def events(self, after: int = 0) -> Iterator[Event]:  # noqa: ARG002
        """Refuse."""
        raise self._error

    def head(self) -> int:
        """Refuse."""
        raise self._error

    def close(self) -> None:
        """Close nothing."""
