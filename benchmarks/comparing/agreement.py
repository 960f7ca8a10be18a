"""Is the comparator silent where nothing is wrong? Two sound mounts of one event store, both written to meanwhile."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.comparing.clients import Clients
from bridge.mount_child import MountChild
from bridge.settings import Settings
from bridge.sidechannel import ask
from dualfuse.comparator import Comparator, MountedSide

FILES = 15
PATHS = 100  # compared at once
PAUSE = 0.01  # seconds that a client rests between two changes, on average
TELL = 10_000  # comparisons


def churn(number: int, directory: Path, stop: Any, answer: Connection, pause: float) -> None:
    """Change a shared folder in every way there is until told to stop; others do the same, so anything may be gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    generator = random.Random(number)
    place = directory / "shared"
    place.mkdir(exist_ok=True)
    changes = 0
    failures: list[str] = []
    answer.send("ready")
    while not stop.is_set():
        try:
            change(place, generator)
            changes += 1
        except (FileNotFoundError, FileExistsError):
            pass  # another client was faster
        except OSError as error:
            failures.append(repr(error))
        time.sleep(generator.random() * 2 * pause)
    answer.send((changes, failures))
    answer.close()


def change(place: Path, generator: random.Random) -> None:
    """Change one thing."""
    path = place / f"f{generator.randrange(FILES)}"
    other = place / f"f{generator.randrange(FILES)}"
    match generator.randrange(13):
        case 0 | 1 | 2:
            path.write_bytes(generator.randbytes(generator.choice((0, 10, 5000, 300_000))))
        case 3:
            with path.open("r+b", buffering=0) as file:  # in pieces, and open for a while
                for _ in range(3):
                    file.seek(generator.randrange(5000))
                    file.write(generator.randbytes(2000))
                    time.sleep(0.005)
        case 4:
            path.rename(other)
        case 5:
            path.unlink()
        case 6:
            os.truncate(path, generator.randrange(6000))
        case 7:
            os.setxattr(path, f"user.{generator.randrange(3)}", generator.randbytes(8))
        case 8:
            path.chmod(generator.choice((0o600, 0o644, 0o755)))
        case 9:
            os.link(path, place / f"l{generator.randrange(3)}")
        case 10:
            (place / f"l{generator.randrange(3)}").unlink()
        case 11:
            link = place / f"s{generator.randrange(3)}"
            link.unlink(missing_ok=True)
            link.symlink_to(f"f{generator.randrange(FILES)}")
        case 12:
            with path.open("ab") as file:
                file.write(b"a line\n")


def agree(folder: Path, operations: int) -> dict[str, Any]:
    """Compare so many operations, and say how often there was an alarm."""
    children = []
    try:
        for backend in ("fusepy", "pyfuse3"):
            settings = Settings(
                backend=backend,
                store=folder / "store.db",
                state_dir=folder / backend,
                mount_point=folder / f"{backend}-mnt",
                drain_timeout=5.0,
            )
            children.append(MountChild(settings, backend, 1))
            children[-1].prove()
        primary, shadow = children
        comparator = Comparator(MountedSide(primary.mountpoint, "fusepy"), MountedSide(shadow.mountpoint, "pyfuse3"))
        question = {"ask": "tap", "callers": [threading.get_native_id()], "limit": 2 * PATHS}
        begun, told = time.monotonic(), TELL
        with Clients([child.mountpoint / "current" for child in (primary, primary, shadow)], PAUSE, churn) as clients:
            while comparator.total("comparisons") < operations:
                samples = ask(primary.socket, question, 5.0)["samples"]
                comparator.work([(operation, path, detail) for operation, path, detail in samples], PATHS)
                if comparator.total("comparisons") >= told:
                    seconds = time.monotonic() - begun
                    print(f"{told} compared in {seconds:.0f} s, {comparator.found} alarms", file=sys.stderr)
                    told += TELL
            answers = clients.stop()
    finally:
        for child in children:
            child.let_go()
            child.kill()
            child.tidy()
    failures = [failure for _, failed in answers for failure in failed]
    if failures:
        raise SystemExit(f"clients failed: {failures[:5]}")
    return {
        "aa_operations": comparator.total("comparisons"),
        "false_alarms": comparator.found,
        "aa_raced": comparator.raced,
        "aa_concurrent_changes": sum(changes for changes, _ in answers),
        "aa_seconds": round(time.monotonic() - begun, 1),
        "aa_alarms": list(comparator.divergences)[:3],
        "aa_by_operation": {
            operation: count
            for (kind, operation, *_), count in sorted(comparator.counts.items())
            if kind != "divergence"
        },
    }
