"""A terminal that is the same everywhere: its colours, its locale, its time zone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.widgets import Input

from tests.runbook.tui.operated import Operated


@pytest.fixture(autouse=True)
def the_same_everywhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setattr(Input.cursor_blink, "_default", False)  # it would be pictured as it happens to be
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def operated(tmp_path: Path) -> Operated:
    return Operated(tmp_path)
