"""Home: where the walk is, whether it is safe, what happens next, and how to get back."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from phases.calendar import PHASES
from runbook.state import LAST_WEEK, Status
from runbook.tui import paint, paint_next, paint_now, paint_weeks
from runbook.tui.room import Room, bindings, show

LOADING = Content("looking ...")


class Home(Room):
    """The rail of weeks, the page of one of them, and the state of the deployment."""

    room = "home"
    BINDINGS: ClassVar[list[BindingType]] = bindings("home")

    def __init__(self) -> None:
        super().__init__()
        self.shown: int | None = None  # the week whose page is read; None: where the walk is

    def body(self) -> ComposeResult:
        with Horizontal(id="home"):
            yield Static(id="rail", classes="part", markup=False)
            with VerticalScroll(id="page", can_focus=False):
                with Container(id="left"):
                    yield Static(LOADING, id="next", classes="part", markup=False)
                    yield Static(id="traffic", classes="part", markup=False)
                    yield Static(id="gates", classes="part", markup=False)
                    yield Static(id="week", classes="part", markup=False)
                yield Static(id="events", classes="part", markup=False)

    def on_mount(self) -> None:
        for name in ("traffic", "gates", "next", "events"):
            self.query_one(f"#{name}").border_title = name.capitalize()
        self.query_one("#rail").border_title = "Weeks"
        super().on_mount()

    def here(self) -> int:
        """Return the week the walk is at, or comes to."""
        seen = self.ours.seen
        if seen is None:
            return 0
        shot = seen.snapshot
        if shot.state.status is Status.IN and shot.state.week is not None:
            return shot.state.week
        return shot.ahead[0] if shot.ahead is not None else LAST_WEEK

    def read(self, step: int) -> None:
        """Read the page of a week before or after."""
        now = self.here() if self.shown is None else self.shown
        self.show_week(min(LAST_WEEK, max(0, now + step)))

    def show_week(self, week: int | None) -> None:
        """Read one week's page; None: the one the walk is at."""
        self.shown = None if week == self.here() else week
        self.paint()

    def turn(self, direction: int) -> None:
        """Scroll the page by a screenful."""
        page = self.query_one("#page", VerticalScroll)
        (page.scroll_page_down if direction > 0 else page.scroll_page_up)(animate=False)

    def paint(self) -> None:
        super().paint()
        app = self.ours
        for name in ("traffic", "gates"):  # a week that is only read has the place to itself
            self._part(name).display = self.shown is None
        if app.seen is None:
            if app.trouble is not None:
                show(self._part("next"), paint.lines([[app.trouble[0]], [app.trouble[1]]]), layout=True)
            return
        if not self._part("next").content_size.width:  # not laid out yet: how wide the bars are is not known
            self.call_after_refresh(self.paint)
            return
        shot = app.seen.snapshot
        week = self.here() if self.shown is None else self.shown
        width = self._part("next").content_size.width
        show(self._part("rail"), paint_weeks.rail(shot, week, app.glyphs))
        place = "" if self.shown is None else f"  ({app.shown_keys['this_week']} comes back)"
        self._part("week").border_title = f"Week {week} {PHASES[week].name}{place}"
        show(self._part("week"), paint_weeks.page(shot, week), layout=True)
        show(self._part("traffic"), paint_now.traffic(shot, width), layout=True)
        gates = self._part("gates")
        gates.border_title = paint_now.gates_title(shot)
        show(gates, paint_now.gates(shot, app.seen.metered, app.glyphs, width), layout=True)
        steps = paint_next.next_steps(app.seen, app.here, app.now(), width, app.shown_keys)
        show(self._part("next"), steps, layout=True)
        show(self._part("events"), paint_now.events(app.seen.events, max(4, self.size.height - 4)), layout=True)

    def tick(self) -> None:
        super().tick()
        app = self.ours
        if app.seen is not None:
            part = self._part("next")
            width = part.content_size.width
            said = paint_next.next_steps(app.seen, app.here, app.now(), width, app.shown_keys)
            # a countdown keeps its place, but what says more may take more rows
            show(part, said, layout=len(str(part.content)) != len(said.plain))

    def _part(self, name: str) -> Static:
        return self.query_one(f"#{name}", Static)
