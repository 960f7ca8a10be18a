"""What a client does in the sections beside current/: annotate, look back, append, work on a package, watch."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from runbook.rehearsal.pulse import Pulse
from runbook.rehearsal.ways import Mount, Router, WrongAnswerError

REMEMBERED = 8  # states of files that can be looked back at
TAIL = 300  # bytes of a stream that are compared
FEED_TAIL = 4096  # bytes of the stream of events


class Sections:
    """One client's work beside current/; what goes in by one way is checked by the other."""

    def __init__(self, folder: str, live: Path, router: Router, pulse: Pulse, chance: random.Random) -> None:
        self._name = folder.replace("/", "-")
        self._router = router
        self._mounts = {name: Mount(live, name) for name in ("history", "shadows", "context", "streams", "debug")}
        self._pulse = pulse
        self._chance = chance
        self._past: list[tuple[str, str, bytes]] = []
        self._said = b""  # the end of the stream as it must be
        self._serial = 0

    def steps(self, any_file: Callable[[], tuple[str, bytes]]) -> list[tuple[int, Callable[[], None]]]:
        """Return what can be done, each with its weight; `any_file` gives a path of the client's and its content."""
        return [
            (2, lambda: self._annotate(*any_file())),
            (3, self._look_back),
            (3, self._stream),
            (2, self._package),
            (1, self._watch),
            (1, self._ask_who_serves),
        ]

    def start(self) -> None:
        """Make what must be there."""
        with self._pulse.operation("mount.package", self._name):
            self._mounts["context"].make_folder(self._name)
        self._append(self._router.append)

    def remember(self, path: str, content: bytes) -> None:
        """Keep that this is what a path holds at this instant."""
        seconds, rest = divmod(time.time_ns(), 1_000_000_000)
        instant = f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09}Z"
        self._past = [*self._past[1 - REMEMBERED :], (instant, path, content)]

    def _look_back(self) -> None:
        if not self._past:
            return
        instant, path, content = self._chance.choice(self._past)
        by_router = self._chance.random() < 0.5
        with self._pulse.operation("http.past" if by_router else "mount.past", path):
            past = self._mounts["history"]
            got = self._router.past(instant, path) if by_router else past.read(f"{instant}/{path}")
            if got != content:
                raise WrongAnswerError(f"at {instant} there were {len(content)} bytes, not {got and len(got)}")

    def _annotate(self, path: str, content: bytes) -> None:
        self._serial += 1
        text = f"note {self._serial}"
        with self._pulse.operation("mount.annotate", path):
            line = f"1 {text}\n" if content else f"{text}\n"
            self._mounts["shadows"].write(path, line.encode(), os.O_APPEND)
        with self._pulse.operation("http.shadow", path):
            notes = self._router.annotations(path)
            last = notes[-1] if notes else {}
            if (last.get("text"), last.get("state")) != (text, "current"):
                raise WrongAnswerError(f"the last of {len(notes)} annotations is not {text!r}, and current")

    def _stream(self) -> None:
        if self._chance.random() < 0.5:
            self._append(self._router.append)
            with self._pulse.operation("mount.stream", self._name):
                self._compare(self._mounts["streams"].tail(self._name, TAIL))
        else:
            self._append(lambda name, line: self._mounts["streams"].write(name, line, os.O_APPEND))
            with self._pulse.operation("http.stream", self._name):
                self._compare(self._router.tail(self._name, TAIL))

    def _append(self, append: Callable[[str, bytes], None]) -> None:
        self._serial += 1
        line = f"{self._serial} {self._chance.random()}\n".encode()
        before, self._said = self._said, b""  # should this fail, nobody knows what the stream ends with
        with self._pulse.operation("append", self._name):
            append(self._name, line)
        self._said = (before + line)[-TAIL:]

    def _compare(self, got: bytes) -> None:
        if self._said and not got.endswith(self._said[-len(got) :]):
            raise WrongAnswerError(f"the stream ends with {got[-40:]!r} instead of {self._said[-40:]!r}")

    def _package(self) -> None:
        content = self._chance.randbytes(500)
        path = f"{self._name}/p{self._chance.randrange(4)}"
        with self._pulse.operation("mount.package", path):
            self._mounts["context"].write(path, content, os.O_CREAT | os.O_TRUNC)
        with self._pulse.operation("http.package", path):
            if self._router.packaged(path) != content:
                raise WrongAnswerError("the package is not what was written")

    def _watch(self) -> None:
        with self._pulse.operation("mount.events", "events"):
            lines = self._mounts["streams"].tail("events", FEED_TAIL).splitlines()[1:]
            numbers = [json.loads(line)["seq"] for line in lines]
            if not numbers or numbers != list(range(numbers[0], numbers[0] + len(numbers))):
                raise WrongAnswerError(f"the events are not in order: {numbers}")

    def _ask_who_serves(self) -> None:
        with self._pulse.operation("mount.debug", "backend"):
            said = self._mounts["debug"].read("backend") or b""
            if said.strip() not in (b"fusepy", b"pyfuse3", b"mfusepy"):
                raise WrongAnswerError(f"{said!r} serves")
