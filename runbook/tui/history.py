"""History: the journal with a filter, each event with its evidence, and whether the chain is unbroken."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from deployment.errors import OperatorError
from runbook.cli.history import telling, words
from runbook.engine import Engine
from runbook.journal import Event
from runbook.tui.paint import text
from runbook.tui.room import Room, bindings
from runbook.tui.workers import Then, Work

#: More than that is for `lighthouse-migrate history --json`.
MOST = 2000


class HistoryRoom(Room):
    """The journal, newest first."""

    room = "history"
    BINDINGS: ClassVar[list[BindingType]] = bindings("history")

    def __init__(self) -> None:
        super().__init__()
        self._events: tuple[Event, ...] = ()
        self._all = False
        self._chain = "reading ..."

    def body(self) -> ComposeResult:
        yield Input(id="filter", placeholder="show only what contains ...", compact=True)
        yield OptionList(id="events", classes="list", markup=False)
        with VerticalScroll(classes="detail", can_focus=False) as box:
            box.border_title = "Evidence"
            yield Static(id="evidence", markup=False)

    def entered(self) -> None:
        self.do_again()
        self.query_one(OptionList).focus()

    def do_again(self) -> None:
        """Read the journal again."""

        def do(engine: Engine, work: Work) -> str:
            events, broken = tuple(engine.journal.events())[-MOST:], engine.journal.broken_at()
            work.post(Then(partial(self.read, events, broken)))
            return ""

        self.ours.start("reading", do, self.unread)

    def read(self, events: tuple[Event, ...], broken: int | None) -> None:
        """Show the journal."""
        if not self.is_attached:
            return
        self._events = events
        self._chain = "the chain is unbroken" if broken is None else f"CHANGED: event #{broken} does not continue it"
        self._fill()

    def unread(self, error: OperatorError) -> None:
        """Show why the journal is not read."""
        if self.is_attached:
            self._chain = f"NOT READ: {text(error.message)}"
            self._fill()

    def do_filter(self) -> None:
        """Go to the filter."""
        self.query_one(Input).focus()

    def do_everything(self) -> None:
        """Show all events, or the telling ones."""
        self._all = not self._all
        self._fill()

    def on_input_changed(self, _event: Input.Changed) -> None:
        self._fill()

    def on_input_submitted(self, _event: Input.Submitted) -> None:
        self.query_one(OptionList).focus()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        found = next((e for e in self._events if str(e.seq) == event.option_id), None)
        if found is not None:
            shown = json.dumps(found.data, indent=1, ensure_ascii=True)
            said = "\n".join(text(line) for line in shown.splitlines())
            self.query_one("#evidence", Static).update(Content(f"#{found.seq} {found.kind}  {found.hash[:12]}\n{said}"))

    def _fill(self) -> None:
        options = self.query_one(OptionList)
        wanted = self.query_one(Input).value.lower()
        options.clear_options()
        rows = [(e, row(e)) for e in reversed(self._events) if self._all or telling(e)]
        kept = [(e, r) for e, r in rows if wanted in r.lower()]
        options.add_options([Option(Content(r), id=str(e.seq)) for e, r in kept])
        options.border_title = f"History: {len(kept)} of {len(self._events)} events; {self._chain}"
        if kept:
            options.highlighted = 0


def row(event: Event) -> str:
    """Return an event as one line."""
    return text(f"#{event.seq:<4} {time.strftime('%m-%d %H:%M:%S', time.localtime(event.at))}  {words(event)}")
