"""Numbers as a person reads them."""

from __future__ import annotations

import pytest

from checks.words import quantity
from deployment.metrics.source import Metric


@pytest.mark.parametrize(
    ("value", "digits", "read"),
    [
        (0.0, 3, "0"),
        (0.25, 3, "0.25"),
        (82.46, 3, "82.5"),
        (82.46, 2, "82"),
        (124.0, 2, "124"),
        (999.6, 3, "1,000"),
        (2290.4, 3, "2,290"),
        (123456.0, 2, "123,456"),
    ],
)
def test_a_rate_is_read_without_powers_of_ten(value: float, digits: int, read: str) -> None:
    assert quantity(value, Metric.OPERATIONS_RATE, digits=digits) == read


def test_a_unit_stands_behind() -> None:
    assert quantity(1.25, Metric.P95, unit="×") == "1.25 ×"
