"""Instants as RFC 3339 spells them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.store.instant import SECOND, instant, spelled


@given(st.integers(0, 4_000_000_000 * SECOND))
def test_what_is_spelled_is_read_back(nanoseconds: int) -> None:
    assert instant(spelled(nanoseconds)) == nanoseconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:01z", SECOND),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T23:30:00-00:30", 0),
        ("1970-01-01T00:00:00.5Z", SECOND // 2),
        ("1970-01-01T00:00:00.0000000019Z", 1),
        ("2016-12-31T23:59:60Z", 1_483_228_800 * SECOND - 1),
    ],
)
def test_every_spelling_is_understood(text: str, expected: int) -> None:
    assert instant(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "now", "2026-05-04", "2026-05-04T12:00:00", "2026-05-04 12:00:00Z", "2026-13-04T12:00:00Z",
     "2026-05-04T24:00:00Z", "2026-05-04T12:00:00.Z", "2026-05-04T12:00:00+24:00", "2026-05-04T12:00:61Z",
     "٢٠٢٦-05-04T12:00:00Z"],
)  # fmt: skip
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        instant(text)
