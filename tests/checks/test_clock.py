"""A clock that stands before what was written down already, or before there was this tool."""

from __future__ import annotations

import os
import time
from pathlib import Path

from checks.clock import clock
from tests.checks.places import HostTarget, context_in


def test_a_clock_that_was_set_back_is_found(tmp_path: Path) -> None:
    context = context_in(tmp_path, HostTarget(), now=lambda: time.time() - 7200)
    assert clock(context) is None
    context.place.state.mkdir()
    (context.place.state / "journal.sqlite").touch()
    finding = clock(context)
    assert finding is not None
    assert finding.seen.startswith("the clock is 2 h behind ")
    context.now = time.time
    assert clock(context) is None


def test_a_clock_that_was_never_set(tmp_path: Path) -> None:
    finding = clock(context_in(tmp_path, HostTarget(), now=lambda: 1_000_000.0))
    assert finding is not None
    assert finding.seen == "the clock is before 2026"


def test_a_few_seconds_are_no_fault(tmp_path: Path) -> None:
    context = context_in(tmp_path, HostTarget(), now=lambda: time.time())
    context.place.store.touch()
    os.utime(context.place.store, (time.time() + 60, time.time() + 60))
    assert clock(context) is None
