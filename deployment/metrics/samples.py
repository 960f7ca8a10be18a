"""The samples the scraping source keeps: in SQLite, so that a window survives from one command to the next."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deployment.metrics.exposition import Reading
from deployment.model import Side

SCHEMA = """
CREATE TABLE IF NOT EXISTS samples (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    side TEXT NOT NULL,
    url TEXT NOT NULL,
    beats INTEGER NOT NULL,
    answered INTEGER NOT NULL,
    reading TEXT
);
CREATE INDEX IF NOT EXISTS samples_by_time ON samples (side, at);
"""

FINE_SECONDS = 3600.0  # every sample is kept for this long, then one in
COARSE_SECONDS = 30.0
KEPT_SECONDS = 60 * 86400.0  # longer than the migration


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at one side's Bridge, or several that were thinned into one."""

    at: float  # Unix time
    url: str
    beats: int  # how many looks
    answered: int  # how many of them found the mount answering
    reading: Reading | None  # None: its metrics did not answer


class Samples:
    """The samples of a deployment, on disk."""

    def __init__(self, file: Path) -> None:
        """Keep samples in `file`, made with the first of them."""
        self._file = file

    def add(self, at: float, taken: Mapping[Side, tuple[str, Reading | None]]) -> None:
        """Keep one look at each side, and thin out what is old."""
        with self._open() as database:
            for side, (url, reading) in taken.items():
                answered = int(reading is not None and reading.answered is True)
                plain = None if reading is None else json.dumps(reading.plain())
                database.execute(
                    "INSERT INTO samples (at, side, url, beats, answered, reading) VALUES (?, ?, ?, 1, ?, ?)",
                    (at, side, url, answered, plain),
                )
            self._thin(database, at)

    def between(self, side: Side, start: float, end: float, before: float) -> list[Sample]:
        """Return a side's samples of a span of time, and the newest of the `before` seconds ahead of it.

        That one is what counters are counted from: without it whatever happened between it and the first sample inside
        would be lost.
        """
        if not self._file.exists():
            return []
        with self._open() as database:
            ahead = database.execute(
                "SELECT max(at) FROM samples WHERE side = ? AND at >= ? AND at < ?", (side, start - before, start)
            ).fetchone()[0]
            rows = database.execute(
                "SELECT at, url, beats, answered, reading FROM samples"
                " WHERE side = ? AND at >= ? AND at <= ? ORDER BY at",
                (side, start if ahead is None else ahead, end),
            ).fetchall()
        return [
            Sample(at, url, beats, answered, None if raw is None else Reading(**json.loads(raw)))
            for at, url, beats, answered, raw in rows
        ]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(self._file, timeout=2.0)
        try:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = OFF")  # a lost sample is a smaller window, not a wrong one
            database.executescript(SCHEMA)
            with database:
                yield database
        finally:
            database.close()

    @staticmethod
    def _thin(database: sqlite3.Connection, now: float) -> None:
        """Keep one sample per half minute of what is older than an hour, with the heartbeats of those it stands for.

        Counters lose nothing by it: the last sample of a span has counted all of it. The heartbeats are summed up.
        """
        last = database.execute("PRAGMA user_version").fetchone()[0]
        if now - last < 600:
            return
        old = now - FINE_SECONDS
        database.execute("DELETE FROM samples WHERE at < ?", (now - KEPT_SECONDS,))
        groups = database.execute(
            "SELECT max(id), sum(beats), sum(answered), side, url, CAST(at / ? AS INTEGER) FROM samples"
            " WHERE at < ? GROUP BY side, url, CAST(at / ? AS INTEGER) HAVING count(*) > 1",
            (COARSE_SECONDS, old, COARSE_SECONDS),
        ).fetchall()
        for kept, beats, answered, side, url, span in groups:
            database.execute(
                "DELETE FROM samples WHERE side = ? AND url = ? AND CAST(at / ? AS INTEGER) = ? AND at < ? AND id != ?",
                (side, url, COARSE_SECONDS, span, old, kept),
            )
            database.execute("UPDATE samples SET beats = ?, answered = ? WHERE id = ?", (beats, answered, kept))
        database.execute(f"PRAGMA user_version = {int(now)}")
