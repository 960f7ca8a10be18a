"""The core of the app: it owns what was seen and hears the workers. Rooms only show."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

from textual.app import App
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen
from textual.theme import Theme

from runbook.tui import keys, workers
from runbook.tui.glyphs import ASCII, BLUE, ORANGE, UNICODE, AsciiFilter, speaks_utf8
from runbook.tui.home import Home
from runbook.tui.look import Seen, look
from runbook.tui.paint import text
from runbook.tui.paint_next import Here, commands, in_keys
from runbook.tui.remembered import Remembered
from runbook.tui.room import Room
from runbook.tui.workers import (
    FINISHED,
    MOVES,
    Asked,
    Ended,
    Found,
    Looked,
    Open,
    Said,
    Then,
    Unanswered,
    Watcher,
    Work,
)

if TYPE_CHECKING:
    from runbook.guard_company import Company

R = TypeVar("R", bound=Room)
THEME = Theme(name="lighthouse", primary=BLUE, accent=ORANGE, warning=ORANGE, error=ORANGE, dark=True)


#: Rooms a session may begin in: they only read.
REOPENED = frozenset({"plan", "history", "metrics", "shadow", "explain"})


class Core(App[None]):
    """What every part of the app stands on."""

    CSS_PATH = "tui.tcss"
    TITLE = "lighthouse-migrate"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+q,ctrl+c", "quit", "Quit", show=False, priority=True)]

    def __init__(
        self,
        opened: Open,
        *,
        look: workers.Look = look,
        read_only: bool = False,
        guards: bool = False,
        utf8: bool | None = None,
        now: Callable[[], float] = time.time,
        moved_keys: Mapping[str, str] | None = None,
        memory: Path | None = None,
    ) -> None:
        """Make the app; it looks, works and with `guards` stands guard through `opened`, each in a thread of its own.

        `memory` is the file in which the next session finds what this one was reading.

        Raises:
            UsageError: `moved_keys` names actions that do not exist, or one key twice.
        """
        self.registry = keys.remapped(moved_keys or {})
        self.shown_keys = keys.named(self.registry)
        super().__init__()
        self.opened, self.read_only, self.now = opened, read_only, now
        self.seen: Seen | None = None
        self.trouble: tuple[str, str] | None = None  # why the newest look failed, and what to do
        self.looked_at = now()
        self._memory = memory
        self.remembered = Remembered.read(memory)
        self.lines: deque[str] = deque(maxlen=2000)  # what work narrated
        self.works: list[Work] = []
        self.asks: Asked | None = None  # the question that waits for an answer
        self.results: dict[str, object] = {}
        self.stopped = Here()  # why this session's newest movement went no further
        self.leaves = False  # the program ends once the work has ended
        utf8 = speaks_utf8(os.environ, sys.__stdout__.encoding if sys.__stdout__ else None) if utf8 is None else utf8
        self.glyphs = UNICODE if utf8 else ASCII
        if not utf8:
            self._filters.append(AsciiFilter())
        self.register_theme(THEME)
        self.theme = "lighthouse"
        self.watcher = Watcher(opened, look, self.deliver, measures=not read_only)
        self.company: Company | None = None
        if guards and not read_only:
            from runbook.guard_company import Company

            self.company = Company(opened, "tui", lambda line: self.deliver(Said(line)))
        self.home_room = Home()
        self._made: dict[str, Room] = {}
        if moved_keys:
            self.set_keymap({f"{k.room or 'every'}.{k.action}": k.keys for k in self.registry})

    def get_default_screen(self) -> Screen[None]:
        return self.home_room

    def on_mount(self) -> None:
        self.set_interval(1.0, self._tick)
        self.call_after_refresh(self.watcher.start)
        if self.remembered.screen in REOPENED:
            self.call_after_refresh(self.run_action, self.remembered.screen)
        if self.company is not None:
            self.company.start()

    def on_unmount(self) -> None:
        self.watcher.end()
        if self.company is not None:
            self.company.let_go()
        if self._memory is not None and not self.read_only:
            self.remembered.keep(self._memory)

    def deliver(self, message: Message) -> None:
        """Take a worker's message, from its thread."""
        try:
            self.post_message(message)
        except RuntimeError:  # the interface's loop is gone; what the engine does is in its journal
            self.left_behind(message)

    def left_behind(self, message: Message) -> None:
        """Say what comes after the interface has gone."""
        from runbook.cli import output

        if isinstance(message, Said):
            output.say(message.line)

    @property
    def age(self) -> float:
        """Seconds since the newest look."""
        return max(0.0, self.now() - self.looked_at)

    @property
    def at_work(self) -> str:
        """Return what is running, in words, or an empty string."""
        running = [w for w in self.works if w.is_alive() and w.kind in MOVES]
        if not running:
            return ""
        asks = ", asks you" if self.asks is not None else ""
        return f"{running[-1].kind} running {time.monotonic() - running[-1].began:.0f} s{asks}"

    @property
    def here(self) -> Here:
        """Return what this session itself knows of the walk."""
        return replace(self.stopped, at_work=bool(self.at_work))

    # what the workers say

    def on_looked(self, message: Looked) -> None:
        seen = message.seen
        if seen.metered is None and self.seen is not None:  # not asked for this time
            seen = replace(seen, metered=self.seen.metered)
        self.seen, self.trouble, self.looked_at = seen, None, self.now()
        self.stopped = self.stopped.seeing(seen)
        self._paint()

    def on_unanswered(self, message: Unanswered) -> None:
        self.trouble = (message.message, message.hint)
        self._paint()

    def on_said(self, message: Said) -> None:
        self.lines.append(text(message.line))
        for room in self.rooms():
            said = getattr(room, "said", None)
            if said is not None:
                said(self.lines[-1])

    def on_found(self, message: Found) -> None:
        self.results[message.result.check.id] = message.result
        self._paint()

    def on_then(self, message: Then) -> None:
        message.do()

    def on_ended(self, message: Ended) -> None:
        work = message.work
        self.works = [w for w in self.works if w is not work]
        if work.kind in MOVES and work.error is not None and not work.declined:
            self.stopped = Here(error=work.error, when=self.seen)
        if work.error is not None and work.failed is not None:
            work.failed(work.error)
        if work.error is not None and (keys_for := in_keys(commands(work.error.hint), self.shown_keys)):
            self.on_said(Said(f"here: {' · '.join(keys_for)}"))
        self.watcher.look_now()
        self._paint()
        if self.leaves and not self.unfinished():
            self.exit()

    def unfinished(self) -> list[Work]:
        """Return the work that is waited for before the program ends."""
        return [w for w in self.works if w.is_alive() and w.kind in FINISHED]

    def rooms(self) -> Iterable[Room]:
        """Yield every room on the stack, the newest last."""
        yield from (s for s in self.screen_stack if isinstance(s, Room))

    def _paint(self) -> None:
        for room in [*self.rooms()][-1:]:  # also under a dialog
            if room.ready:
                room.paint()

    def _tick(self) -> None:
        for room in [*self.rooms()][-1:]:
            if room.ready:
                room.tick()

    # the rooms

    def enter(self, kind: type[R]) -> R:
        """Show a room above home; there is never a pile of them, and each is made once."""
        room = self._made.get(kind.room)
        if room is None:
            room = self._made[kind.room] = kind()
            self.install_screen(room, kind.room)
        while len(self.screen_stack) > 1 and not isinstance(self.screen, Room):
            self.pop_screen()
        if self.screen is self.home_room:
            self.push_screen(room)
        elif self.screen is not room:
            self.switch_screen(room)
        self.remembered.screen = kind.room
        return cast("R", room)

    def action_home(self) -> None:
        self.remembered.screen = "home"
        while len(self.screen_stack) > 1:
            self.pop_screen()

    def action_log(self) -> None:
        from runbook.tui.log import LogRoom

        self.enter(LogRoom)
