"""What a terminal gets: readable without UTF-8, and never a control character from outside."""

from __future__ import annotations

import pytest

from runbook.cli.output import fit
from runbook.cli.words import span


def test_everything_reads_without_utf_8() -> None:
    assert fit("10% → 50%, p95 ≤ 5 ms, 3 µs …", "ascii") == "10% -> 50%, p95 <= 5 ms, 3 us ..."
    assert fit("10% → 50%", "utf-8") == "10% → 50%"
    assert fit("ünï", "latin-1") == "ünï"
    assert fit("日本", "ascii") == "??"


def test_what_comes_from_outside_cannot_drive_the_terminal() -> None:
    assert fit("a\x1b[2Jb\rc\x07", "utf-8") == "a\\x1b[2Jb\\x0dc\\x07"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0s"), (119, "119s"), (120, "2m"), (7200, "2h"), (187200, "2d04h"), (432000, "5d00h")]
)
def test_durations_read_as_people_say_them(seconds: float, words: str) -> None:
    assert span(seconds) == words
