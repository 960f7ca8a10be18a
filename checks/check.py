"""What a check is: a question about the world, asked in one place, answered by nothing or by a finding."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from checks.edits import Edit
from deployment.metrics.source import Source
from deployment.model import Deployment
from deployment.targets.target import Place, Target


class Severity(StrEnum):
    """How bad a finding is."""

    FAIL = "fail"  # the week cannot go on
    WARN = "warn"  # the operator should know; it holds nothing
    UNKNOWN = "unknown"  # it could not be found out, which is never "ok"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check saw that should not be so."""

    seen: str  # what was seen, one line
    why: str = ""  # why it matters
    remedy: str = ""  # what repairs it, in words
    commands: tuple[str, ...] = ()  # what repairs it, runnable
    severity: Severity = Severity.FAIL


class Once:
    """Answers of one run that several checks need: each question is asked once, by whoever comes first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: dict[Hashable, Future[Any]] = {}

    def answer(self, question: Hashable, ask: Callable[[], Any]) -> Any:
        """Return the answer to a question, or raise what asking it raised."""
        with self._lock:
            known = self._answers.get(question)
            if known is None:
                asking: Future[Any] = Future()
                self._answers[question] = asking
        if known is not None:
            return known.result()
        try:
            asking.set_result(ask())
        except Exception as error:
            asking.set_exception(error)
            raise
        return asking.result()


@dataclass(slots=True)
class Context:
    """What a check may look at."""

    target: Target
    place: Place
    source: Source
    project: Path | None  # the service's own repository, where the operator named one
    evidence: Mapping[str, Any]  # the newest journaled evidence by name, for example "benchmark.baseline"
    record: Callable[[str, Mapping[str, Any]], None]  # journals evidence under a name
    iterations: int = 1000  # of the benchmark
    warmup: int = 100
    latency: float = 1.0  # the benchmark's limits of latency times so much, where the operator allows it
    comparisons: int = 3000  # how many the shadow must have compared
    say: Callable[[str], None] = field(default=lambda _line: None)  # narration of long checks
    desired: Deployment | None = None  # what the stage wants; None: a check judges only what it sees
    now: Callable[[], float] = time.time  # Unix time
    once: Once = field(default_factory=Once)  # what this run has asked already


@dataclass(frozen=True, slots=True)
class Check:
    """One question about the world."""

    id: str  # "host.fuse-device"
    question: str  # one sentence
    where: str  # "host", "bridge", "image", "project" or "metrics"
    run: Callable[[Context], Finding | None]  # None: all is well
    seconds: float = 10.0  # deadline; a check that outlives it is itself a finding
    fine: str = ""  # what to print when all is well
    after: tuple[str, ...] = ()  # ids that must have finished first, where they are asked in the same run
    alone: bool = False  # nothing else may run meanwhile: it measures, or it moves traffic
    repairs: Callable[[Path], tuple[Edit, ...]] | None = None  # what `check --fix` would write into the project
