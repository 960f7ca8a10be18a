"""Cuts one element out of a list that is written in a text, so that every other byte stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """Where something stands in a text."""

    start: int
    end: int


def without_element(text: str, elements: Sequence[Span], i: int, *, comment: str = "", comma_at_end: bool) -> str:
    """Return the text without one element of a list whose elements are separated by commas.

    Args:
        text: The whole text.
        elements: Every element of the list.
        i: Which one goes.
        comment: What begins a comment in this language; empty where there are none.
        comma_at_end: Whether a comma after the last element is allowed, as in Python and not in JSON.
    """
    span, last = elements[i], i == len(elements) - 1
    line_start, line_end = text.rfind("\n", 0, span.start) + 1, text.find("\n", span.end)
    line_end = len(text) if line_end < 0 else line_end
    rest = text[span.end : line_end].strip().removeprefix(",").strip()
    alone = not text[line_start : span.start].strip() and (not rest or bool(comment and rest.startswith(comment)))
    if alone and not (last and i and not comma_at_end):
        return text[:line_start] + text[line_end + 1 :]
    if not last:
        return text[: span.start] + text[elements[i + 1].start :]
    if i:
        return text[: elements[i - 1].end] + text[span.end :]
    end = span.end
    after = text[end:].lstrip(" \t")
    if after.startswith(","):
        end = len(text) - len(after) + 1
    return text[: span.start] + text[end:]
