"""Parts of a file, and whether the one who asks has it already: Range, ETag and their conditions, as RFC 9110 says."""

from __future__ import annotations

import re
from collections.abc import Mapping

FORM = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


class UnsatisfiableError(ValueError):
    """The range begins beyond the end."""


def part(headers: Mapping[str, str], size: int, etag: str) -> tuple[int, int] | None:
    """Return the first byte and the one after the last that a request is about; None for the whole file.

    Several ranges at once, other units and what is malformed are answered by the whole, as the standard allows.

    Raises:
        UnsatisfiableError: Nothing of what is asked for is there.
    """
    found = FORM.fullmatch(headers.get("range", "").replace(" ", ""))
    if found is None or headers.get("if-range", etag) != etag:
        return None
    first, last = found.groups()
    if not first and not last:
        return None
    if not first:
        begin, end = max(0, size - int(last)), size
        if int(last) == 0:
            raise UnsatisfiableError
    else:
        begin, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < int(first):
            return None
    if begin >= size:
        raise UnsatisfiableError
    return begin, end


def unchanged(headers: Mapping[str, str], etag: str) -> bool:
    """Whether the one who asks has this very content."""
    given = [one.strip().removeprefix("W/") for one in headers.get("if-none-match", "").split(",")]
    return etag in given or "*" in given
