"""The samples the scraping source keeps: in SQLite, so that a window survives from one command to the next."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deployment.metrics.exposition import Reading
from deployment.metrics.series import Look
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
READINGS = 4000  # readings kept in memory
KEPT_SECONDS = 60 * 86400.0  # longer than the migration


class Samples:
    """The samples of a deployment, on disk."""

    def __init__(self, file: Path) -> None:
        """Keep samples in `file`, made with the first of them."""
        self._file = file
        self._readings: dict[int, Reading] = {}  # by row

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

    def between(self, side: Side, start: float, end: float, before: float, step: float = 0.0) -> list[Look]:
        """Return a side's samples of a span of time, and the newest of the `before` seconds ahead of it.

        That one is what counters are counted from: without it whatever happened between it and the first sample inside
        would be lost. With a `step`, only the last sample of each Bridge in each piece of so many seconds, with the
        heartbeats of those it stands for.
        """
        if not self._file.exists():
            return []
        piece = "CAST((at - :start) / :step AS INTEGER)" if step else "id"
        with self._open() as database:
            one = "SELECT id, at, url, 0, 0, reading FROM samples WHERE side = ? AND at >= ? AND at < ? ORDER BY at"
            ahead = database.execute(f"{one} DESC LIMIT 1", (side, start - before, start)).fetchall()
            if step:  # else what each Bridge counted in its first piece would be lost
                ahead += database.execute(
                    "SELECT id, min(at), url, 0, 0, reading FROM samples"
                    " WHERE side = ? AND at >= ? AND at <= ? AND reading IS NOT NULL GROUP BY url ORDER BY 2",
                    (side, start, end),
                ).fetchall()
            rows = database.execute(
                # SQLite takes the other columns from the row that has the maximum
                "SELECT id, max(at), url, sum(beats), sum(answered), reading FROM samples"
                f" WHERE side = :side AND at >= :start AND at <= :end GROUP BY url, {piece} ORDER BY 2",
                {"side": side, "start": start, "end": end, "step": step},
            ).fetchall()
            looks = [
                Look(at, url, self._read(number, raw), beats, answered)
                for number, at, url, beats, answered, raw in [*ahead, *rows]
            ]
            return sorted(looks, key=lambda look: (look.at, look.beats))

    def _read(self, number: int, raw: str | None) -> Reading | None:
        """Return a kept reading; a window that is asked again and again is read once."""
        if raw is None:
            return None
        found = self._readings.get(number)
        if found is None:
            if len(self._readings) >= READINGS:
                self._readings.clear()
            found = self._readings[number] = Reading.again(json.loads(raw))
        return found

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
