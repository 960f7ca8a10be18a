"""Gates: a threshold and a measurement become a verdict with its reason. Pure: no clock, no network."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from deployment.metrics.source import Measurement, Metric


class Status(StrEnum):
    """How a verdict ends."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"  # too few samples or no data: it holds, it never passes, it never rolls back
    ERROR = "error"  # the source does not answer


@dataclass(frozen=True, slots=True)
class Threshold:
    """What a metric of a side must stay within, over which window, and from how many samples on it counts."""

    id: str  # "error-ratio"
    metric: Metric
    limit: float
    window: float  # seconds
    minimum_samples: int
    at_least: bool = False  # the value must not fall below the limit, instead of not rising above it
    unit: str = ""  # "%", "s", "": how a person reads the value


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a gate says, and everything it said it from."""

    id: str
    status: Status
    value: float | None
    limit: float
    window: float
    samples: int
    reason: str


def judge(threshold: Threshold, measurement: Measurement) -> Verdict:
    """Weigh one measurement against its threshold."""
    raise NotImplementedError
