"""Where checks are asked in tests: a folder of its own with free ports, and this machine as the target."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from checks.check import Context
from deployment.errors import UnreachableError
from deployment.metrics.source import Measurement, Metric
from deployment.model import Change, Image, Observation, Side
from deployment.targets.target import Completed, Place, Say
from tests.ports import free_ports

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass
class HostTarget:
    """This machine without any deployment: commands really run, with this interpreter as every image."""

    observation: Observation = field(default_factory=lambda: Observation(images=frozenset(Image)))
    kind: str = "local"

    def observe(self) -> Observation:
        return self.observation

    def metrics(self) -> Mapping[Side, str]:
        return {}

    def apply(self, change: Change, say: Say) -> None:
        raise AssertionError("nothing is changed here")

    def run(self, argv: Sequence[str], image: Image, timeout: float) -> Completed:
        try:
            done = subprocess.run(
                [sys.executable, *argv], cwd=REPOSITORY, capture_output=True, text=True, timeout=timeout
            )
        except subprocess.TimeoutExpired as error:
            raise UnreachableError(f"it did not end within {timeout:g} s") from error
        return Completed(done.returncode, done.stdout, done.stderr)

    def destroy(self, say: Say) -> tuple[str, ...]:
        return ()


@dataclass
class Numbers:
    """A source that says what it was given."""

    values: dict[tuple[Metric, Side], Measurement] = field(default_factory=dict)
    name: str = "numbers"

    def poll(self) -> None:
        pass

    def measure(self, metric: Metric, side: Side, window: float) -> Measurement:
        known = self.values.get((metric, side))
        return known or Measurement(metric, side, window, None, 0, time.time())


def place_in(folder: Path) -> Place:
    """Return a place in a folder, with ports that are free."""
    return place_with(folder, free_ports(10))


def place_with(folder: Path, ports: Sequence[int]) -> Place:
    """Return a place in a folder, with these ports."""
    one, two, three, four = ((ports[i], ports[i + 1]) for i in range(0, 8, 2))
    return Place(folder / "state", folder / "live", folder / "events.sqlite", ports[8], one, two, three, four, ports[9])


def context_in(
    folder: Path,
    target: Any,
    *,
    evidence: Mapping[str, Any] | None = None,
    record: Callable[[str, Mapping[str, Any]], None] = lambda name, found: None,
    **more: Any,
) -> Context:
    """Return a context in a folder."""
    source = more.pop("source", Numbers())
    project = more.pop("project", None)
    place = more.pop("place", None) or place_in(folder)
    return Context(target, place, source, project, dict(evidence or {}), record, **more)
