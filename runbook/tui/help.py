"""Help: every key, from the registry, and how to read the screens."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from runbook.tui.glyphs import ORANGE
from runbook.tui.paint import Part, lines
from runbook.tui.room import Room, bindings, show

ROOMS = {
    "home": "Home",
    "checks": "Checks",
    "history": "History",
    "metrics": "Metrics",
    "shadow": "Shadow",
    "log": "Log",
}
WALK = (
    "The walk: `{advance}` enters the next week. It asks the checks, shows the plan and asks you.",
    "Weeks 7 and 8 want the deployment's name typed. Each change is verified; what it says is in `{log}`.",
    "Above the keys stands what is waited for and what helps. `{checks}` asks the checks, and `{run}` there repairs.",
    "A stage soaks, then its gates must pass. In `{log}`, `{wait}` waits for both, and a breach rolls back by itself.",
    "SOAK waits by design. HOLD waits because a gate says no: `{explain}` says why. `?` on a gate: too few samples.",
    "`{rollback}` brings fusepy back to every client, at once, from any week; `{advance}` takes the walk up again.",
    "ctrl+p is the command palette. Everything here is also a command: `lighthouse-migrate --help`.",
)


class HelpRoom(Room):
    """The keys and the words."""

    room = "help"
    BINDINGS: ClassVar[list[BindingType]] = bindings("help")

    def __init__(self) -> None:
        super().__init__()
        self._first = ""  # the room whose keys are told first

    def body(self) -> ComposeResult:
        with VerticalScroll(classes="list") as box:
            box.border_title = "Help"
            yield Static(id="help", markup=False)

    def told_first(self, room: str) -> None:
        """Tell this room's keys ahead of the other rooms'."""
        if room in ROOMS:
            self._first = room
        if self.ready:
            self.entered()

    def entered(self) -> None:
        rows: list[list[Part]] = [[line.format_map(self.ours.shown_keys)] for line in WALK]
        for room in ("", *sorted(ROOMS, key=lambda r: r != self._first)):
            rows += [[""], [(f"In {ROOMS[room]}" if room else "Everywhere", "bold")]]
            for key in (k for k in self.ours.registry if k.room == room):
                barred = "  (not with --read-only)" if key.changes and self.ours.read_only else ""
                rows.append([(f"  {key.shown:<7}", f"bold {ORANGE}"), key.help + barred])
        show(self.query_one("#help", Static), lines(rows), layout=True)
