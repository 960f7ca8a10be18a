"""Backing up a store that is in use: `python -m bridge.backup STORE DESTINATION`, or `--verify FILE`.

The copy is made by SQLite's own backup, consistent at one instant however busy the store is. It only takes its name
when it was read back: whole pages, every chunk's hash, and a tree that is what the events add up to.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import sys
import time
from contextlib import closing
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any

from bridge.store.creation import check
from bridge.store.replay import differences
from bridge.store.schema import StoreError


class BackupError(Exception):
    """A store could not be copied, or a copy is not sound."""


def back_up(store: Path, destination: Path) -> dict[str, Any]:
    """Copy a store to a new file and read it back.

    Raises:
        BackupError: There is no store, the copy is not sound, or the destination cannot be written; nothing is left.
    """
    started = time.monotonic()
    if not store.exists():
        raise BackupError(f"{store} does not exist")
    partial = destination.with_name(f"{destination.name}.partial")
    try:
        _copy(store, partial)
        verified = verify(partial)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(destination)
    except BackupError as error:
        raise BackupError(f"the copy of {store} is not sound: {error}") from error
    except (OSError, sqlite3.Error) as error:
        raise BackupError(f"{store} cannot be backed up to {destination}: {error}") from error
    finally:
        for leftover in (partial, Path(f"{partial}-wal"), Path(f"{partial}-shm")):
            leftover.unlink(missing_ok=True)
    return {**verified, "seconds": round(time.monotonic() - started, 3)}


def _copy(store: Path, partial: Path) -> None:
    partial.unlink(missing_ok=True)
    with (
        closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(partial)) as copy,
    ):
        # In one step: it reads one instant and, with a write-ahead log, keeps no writer waiting. A copy in several
        # steps begins anew after each change of the store, and so would never end.
        source.backup(copy)
        # One file, without a log beside it: what is verified and hashed is all there is.
        copy.execute("PRAGMA journal_mode=DELETE")


def verify(file: Path) -> dict[str, Any]:
    """Read a copy back.

    Raises:
        BackupError: It is not a sound event store.
    """
    started = time.monotonic()
    if not file.exists():
        raise BackupError(f"{file} does not exist")
    try:
        check(file)
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as copy:
            problems = [row[0] for row in copy.execute("PRAGMA integrity_check(10)") if row[0] != "ok"]
            problems += [f"a chunk is not what its hash says: {name}" for name in _spoilt(copy)]
            problems += [f"the table {table} is not what the events add up to" for table in differences(copy)]
            events = int(copy.execute("SELECT count(*) FROM events").fetchone()[0])
    except (StoreError, sqlite3.Error) as error:
        raise BackupError(f"{file} is not a sound event store: {error}") from error
    if problems:
        raise BackupError(f"{file} is not a sound event store: {'; '.join(problems)}")
    digest = sha256()
    with file.open("rb") as content:
        while piece := content.read(1 << 20):
            digest.update(piece)
    return {
        "ok": True,
        "events": events,
        "bytes": file.stat().st_size,
        "seconds": round(time.monotonic() - started, 3),
        "sha256": digest.hexdigest(),
    }


def _spoilt(copy: sqlite3.Connection) -> list[str]:
    spoilt = [
        name.hex()
        for name, data in copy.execute("SELECT hash, data FROM chunks")
        if blake2b(data, digest_size=32).digest() != name
    ]
    missing = copy.execute("SELECT DISTINCT hash FROM blocks WHERE hash NOT IN (SELECT hash FROM chunks)")
    return spoilt + [row[0].hex() for row in missing]


def main(arguments: list[str] | None = None) -> int:
    """Back up or verify, print one line of JSON, and exit with 0 if all is well, else 1."""
    parser = argparse.ArgumentParser(prog="python -m bridge.backup")
    parser.add_argument("--verify", type=Path, metavar="FILE", help="read a copy back instead of making one")
    parser.add_argument("store", type=Path, nargs="?")
    parser.add_argument("destination", type=Path, nargs="?")
    told = parser.parse_args(arguments)
    if (told.verify is None) == (told.store is None or told.destination is None):
        parser.error("give STORE and DESTINATION, or --verify FILE")
    try:
        answer = verify(told.verify) if told.verify else back_up(told.store, told.destination)
    except BackupError as error:
        answer = {"ok": False, "error": str(error)}
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0 if answer["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
