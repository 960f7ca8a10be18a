"""Instants as RFC 3339 spells them, exact to the nanosecond."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

SECOND = 1_000_000_000  # nanoseconds
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FORM = re.compile(r"(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}):(\d{2})(?:\.(\d+))?(?:[Zz]|([+-])(\d{2}):(\d{2}))", re.ASCII)


def spelled(nanoseconds: int) -> str:
    """Return an instant (nanoseconds since the epoch) as RFC 3339 spells it, in UTC, without trailing zeros."""
    seconds, rest = divmod(nanoseconds, SECOND)
    fraction = f".{rest:09}".rstrip("0") if rest else ""
    return f"{_whole(seconds)}{fraction}Z"


@lru_cache(maxsize=64)  # many events are of one second
def _whole(seconds: int) -> str:
    return (EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")


def instant(text: str) -> int:
    """Return the nanoseconds since the epoch of an instant in RFC 3339's spelling, offsets and leap seconds included.

    What is finer than a nanosecond is cut off. A leap second is the last nanosecond of the one before.

    Raises:
        ValueError: It is none.
    """
    found = FORM.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not an instant of RFC 3339, such as 2026-05-04T12:00:00Z")
    date, minute, second, fraction, sign, hours, minutes = found.groups()
    leap = second == "60"
    moment = datetime.fromisoformat(f"{date}T{minute}:{'59' if leap else second}+00:00")
    rest = SECOND - 1 if leap else int((fraction or "0")[:9].ljust(9, "0"))
    if sign:
        if int(hours) > 23 or int(minutes) > 59:
            raise ValueError(f"{text!r} has an offset that does not exist")
        offset = int(hours) * 3600 + int(minutes) * 60
    else:
        offset = 0
    whole = (moment - EPOCH) // timedelta(seconds=1) - (-offset if sign == "-" else offset)
    return whole * SECOND + rest
