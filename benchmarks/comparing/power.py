"""Does the comparator find what is wrong? Mutants as shadows of a sound primary, under one and the same work."""

from __future__ import annotations

import contextlib
import os
import random
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.comparing.mutants import MUTANTS
from bridge.sidechannel import ask
from dualfuse.comparator import Comparator, MountedSide
from dualfuse.daemon import Daemon
from dualfuse.samples.loopback import Loopback
from dualfuse.tap import Sample

FILES, MANY = 10, 150
LARGE = 1_000_000  # bytes
STEPS = 16  # of work between two turns of the comparator
TURNS = 80  # after which a mutant counts as not detected
OPTIONS = ["entry_timeout=0,attr_timeout=0,negative_timeout=0"]


class Worker:
    """What programs do on the primary, the same again for the same seed."""

    def __init__(self, mount: Path, seed: int) -> None:
        self._place = mount / "d"
        self._random = random.Random(seed)

    def prepare(self) -> None:
        """Make what is worked on."""
        self._place.mkdir()
        for number in range(FILES):
            path = self._file(number)
            path.write_bytes(self._random.randbytes(6000))
            os.setxattr(path, "user.a", b"first")
            os.setxattr(path, "user.b", b"second")
        self._file(3).chmod(0o4755)
        (self._place / "large").write_bytes(self._random.randbytes(LARGE))
        (self._place / "many").mkdir()
        for number in range(MANY):
            (self._place / "many" / f"m{number}").touch()
        for number in range(4):
            (self._place / f"link{number}").symlink_to(f"f{number}")

    def _file(self, number: int) -> Path:
        return self._place / f"f{number}"

    def step(self) -> None:
        """Do one thing."""
        path = self._file(self._random.randrange(FILES))
        self._random.choice(self._actions())(path)

    def _actions(self) -> tuple[Callable[[Path], object], ...]:
        return (
            lambda path: path.read_bytes(),
            lambda path: path.stat(),
            lambda path: path.write_bytes(self._random.randbytes(self._random.randrange(200, 9000))),
            lambda path: os.truncate(path, self._random.randrange(100, 300)),
            self._move_there_and_back,
            lambda path: os.setxattr(path, "user.a", self._random.randbytes(4)),
            lambda path: self._ask_for(path, "user.b"),
            lambda path: self._ask_for(path, "user.none"),
            lambda _: os.listdir(self._place),  # noqa: PTH208 - as programs do
            lambda _: os.listdir(self._place / "many"),  # noqa: PTH208
            lambda _: (self._place / f"link{self._random.randrange(4)}").readlink(),
            lambda path: path.with_name(f"absent{path.name}").exists(),
            self._make_and_remove,
            self._touch_large,
            lambda path: path.chmod(self._random.choice((0o644, 0o600, 0o4755))),
        )

    def _move_there_and_back(self, path: Path) -> None:
        moved = path.with_name(f"moved{path.name}")
        if moved.exists():
            moved.rename(path)
        else:
            path.rename(moved)
            path.write_bytes(b"another")

    def _ask_for(self, path: Path, attribute: str) -> None:
        with contextlib.suppress(OSError):  # it may not be there: that is an answer, too
            os.getxattr(path, attribute)

    def _make_and_remove(self, path: Path) -> None:
        new = path.with_name(f"new{path.name}")
        if new.exists():
            new.unlink()
        else:
            new.write_bytes(b"new")

    def _touch_large(self, _: Path) -> None:
        file = os.open(self._place / "large", os.O_RDWR)
        try:
            offset = self._random.randrange(0, LARGE - 5000)
            os.pwrite(file, b"large", offset)
            os.pread(file, 4096, self._random.randrange(0, LARGE - 5000))
        finally:
            os.close(file)


class Tapped(Daemon):
    """The primary: a directory served by fusepy with a tap."""

    def __init__(self, place: Path) -> None:
        super().__init__("", place / "primary", "fusepy")
        self._socket = place / "tap.sock"
        server = (sys.executable, "-m", "benchmarks.comparing.tapped", str(place / "root"))
        self._command = [*server, str(place / "primary"), str(self._socket)]

    def samples(self, caller: int) -> list[Sample]:
        """Return what it noted of what others than one thread did."""
        question = {"ask": "tap", "callers": [caller], "limit": 64}
        return [(operation, path, detail) for operation, path, detail in ask(self._socket, question, 5.0)["samples"]]


def trial(place: Path, shadow: type[Loopback], options: list[str], seed: int, turns: int = TURNS) -> dict[str, Any]:
    """Compare a shadow with the primary until it is found to be wrong, or for so many turns."""
    for name in ("root", "primary", "shadow"):
        (place / name).mkdir(parents=True)
    tapped = Tapped(place)
    specification = f"{shadow.__module__}:{shadow.__name__}"
    root = [f"root={place / 'root'}"]
    with (
        tapped,
        Daemon(specification, place / "shadow", "pyfuse3", arguments=root, options=options or OPTIONS),
        ThreadPoolExecutor(1) as observer,  # a thread of its own, which the tap leaves out
    ):
        caller = observer.submit(threading.get_native_id).result()
        comparator = Comparator(
            MountedSide(place / "primary", "fusepy"), MountedSide(place / "shadow", "pyfuse3"), lambda _: False
        )
        worker = Worker(place / "primary", seed)
        worker.prepare()
        for _ in range(turns):
            observer.submit(comparator.work, tapped.samples(caller), 24).result()
            if comparator.found:
                break
            for _ in range(STEPS):
                worker.step()
    found = list(comparator.divergences)
    return {
        "name": shadow.__name__,
        "detected": bool(found),
        "comparisons": comparator.total("comparisons"),
        "differing": found[0]["differing"] if found else (),
    }


def power(place: Path, seed: int) -> dict[str, Any]:
    """Try every mutant, and the sound class as well."""
    sound = trial(place / "sound", Loopback, [], seed)
    results = []
    for mutant, options in MUTANTS:
        results.append(trial(place / mutant.__name__, mutant, options, seed))
        print(results[-1], file=sys.stderr)
    return {
        "seed": seed,
        "mutants": len(results),
        "detected": sum(result["detected"] for result in results),
        "undetected": [result["name"] for result in results if not result["detected"]],
        "comparisons_until_detected": max(result["comparisons"] for result in results),
        "sound_comparisons": sound["comparisons"],
        "sound_alarms": int(sound["detected"]),
    }
