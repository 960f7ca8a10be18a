"""One client of the soak: it writes, reads back, renames, lists and removes, and compares the hash of every byte."""

from __future__ import annotations

import errno
import hashlib
import random
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

SIZES = (100, 4096, 70_000, 1_500_000)  # bytes
KEPT = 10  # failures that are shown
CROSSED: list[str] = []  # what a client has renamed twice


def client(number: int, directory: str, ready: Any, stop: Any, answer: Connection) -> None:
    """Work until told to stop, and send what was done: operations, bytes verified, failures."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    generator = random.Random(number)
    operations = verified = failed = 0
    failures: list[str] = []
    hashes: dict[str, str] = {}
    place = Path(directory, f"client-{number}")
    ready.release()

    while not stop.is_set():
        kind = generator.choice(("write", "read", "read", "rename", "list", "remove", "hold"))
        name = f"f{generator.randrange(30)}"
        try:
            place.mkdir(exist_ok=True)
            verified += _act(kind, place, name, generator, hashes)
            operations += 1
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a failure to be reported
            failed += 1
            hashes.pop(name, None)
            if len(failures) < KEPT:
                failures.append(f"client {number}: {kind} {name}: {error!r}")
        time.sleep(0.001)  # leave the machine to others, too
    for name in sorted(hashes):
        try:
            verified += _act("read", place, name, generator, hashes)
        except Exception as error:  # noqa: BLE001 - as above
            failed += 1
            failures.append(f"client {number}: {name} in the end: {error!r}")
    done = {"operations": operations, "verified_bytes": verified, "failed": failed, "failures": failures}
    answer.send({**done, "crossed": len(CROSSED)})
    answer.close()


def _act(kind: str, place: Path, name: str, generator: random.Random, hashes: dict[str, str]) -> int:
    path = place / name
    if kind in {"write", "hold"}:
        data = generator.randbytes(generator.choice(SIZES))
        with path.open("wb") as file:
            file.write(data)
            file.flush()
            if kind == "hold":  # a file that stays open, perhaps across a swap
                time.sleep(generator.random() * 0.2)
                file.write(data[:10])
                data += data[:10]
        hashes[name] = hashlib.sha256(data).hexdigest()
        return 0
    if kind == "list":
        seen = {each.name for each in place.iterdir()}
        if seen != set(hashes):
            raise AssertionError(f"listed {sorted(seen ^ set(hashes))} wrongly")
        return 0
    if name not in hashes:
        return 0
    if kind == "read":
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != hashes[name]:
            raise AssertionError(f"{len(data)} bytes read back have another hash")
        return len(data)
    if kind == "rename":
        return _rename(path, place / f"{name}-moved") + _rename(place / f"{name}-moved", path)
    path.unlink()
    del hashes[name]
    return 0


def _rename(old: Path, new: Path) -> int:
    """Rename, again where a swap has come between the two look-ups of the kernel: one path is then the old mount's."""
    try:
        old.rename(new)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        CROSSED.append(str(old))
        old.rename(new)
    return 0
