"""The log: what the newest movement says, step by step, each with its verification."""

from __future__ import annotations

import textwrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Log

from runbook.tui.room import Room, bindings


class LogRoom(Room):
    """The narration of advance, rollback and checks."""

    room = "log"
    BINDINGS: ClassVar[list[BindingType]] = bindings("log")

    def body(self) -> ComposeResult:
        yield Log(id="narration", classes="list", max_lines=2000)

    def entered(self) -> None:
        self.query_one(Log).clear()
        for line in self.ours.lines:
            self._write(line)

    def said(self, line: str) -> None:
        """Show one more line; what is said while nobody is here is read when somebody comes."""
        if self.ready:
            self._write(line)

    def _write(self, line: str) -> None:
        """Write a line in as many rows as it takes; the first is indented as it was."""
        width = max(40, self.size.width - 6)
        rows = textwrap.wrap(line, width, subsequent_indent=" " * 6, drop_whitespace=False) or [""]
        self.query_one(Log).write_lines(rows)

    def tick(self) -> None:
        super().tick()
        self.query_one(Log).border_title = self.ours.at_work or "What was said"
