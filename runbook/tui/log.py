"""The log: what the newest movement says, step by step, each with its verification."""

from __future__ import annotations

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

    def on_mount(self) -> None:
        log = self.query_one(Log)
        log.border_title = "What was said"
        log.write_lines(self.ours.lines)
        super().on_mount()

    def said(self, line: str) -> None:
        """Show one more line; what is said before the room is ready is read when it is."""
        if not self.ready:
            return
        self.query_one(Log).write_line(line)

    def tick(self) -> None:
        super().tick()
        running = self.ours.at_work
        self.query_one(Log).border_title = running.removesuffix(" (l)") if running else "What was said"
