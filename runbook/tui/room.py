"""What every room shares: the header, the footer, and the keys that work everywhere; and what every dialog shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from runbook.tui import keys, paint, paint_next

if TYPE_CHECKING:
    from textual.events import Resize

    from runbook.tui.app import MigrateApp


def bindings(room: str) -> list[BindingType]:
    """Return a room's keys as bindings; each is carried out by the app."""
    return [
        Binding(k.keys, f"app.{k.action}", k.label or k.help, id=f"{k.room or 'every'}.{k.action}", show=False)
        for k in keys.of(room)
    ]


class Room(Screen[None]):
    """A screen between the header and the footer."""

    room: ClassVar[str] = ""
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (130, "-wide")]  # noqa: RUF012 - as the base class has it

    @property
    def ours(self) -> MigrateApp:
        """Return the app, as what it is."""
        return cast("MigrateApp", self.app)

    def compose(self) -> ComposeResult:
        yield Static(id="head", markup=False)
        yield from self.body()
        yield Static(id="then", markup=False)
        yield Static(id="foot", markup=False)

    def body(self) -> ComposeResult:
        """Yield what stands between the header and the footer."""
        yield from ()

    _mounted = False

    @property
    def ready(self) -> bool:
        """Tell whether its widgets are there: not yet composed, or already closing, it can show nothing."""
        return self._mounted and len(self.query_children("#head, #foot")) == 2

    def on_mount(self) -> None:
        self._mounted = True
        self._come()

    def on_resize(self, _event: Resize) -> None:
        if not self.ready:
            self.call_after_refresh(self._fit)
        else:
            self._fit()

    def _fit(self) -> None:
        self.query_one("#foot", Static).update(paint.foot(keys.footer(self.room, self.size.width, self.ours.registry)))
        self.paint()

    def on_screen_resume(self) -> None:
        if self.ready:
            self._come()

    def on_screen_suspend(self) -> None:
        self._here = False
        self.left()

    _here = False

    def _come(self) -> None:
        if not self._here:
            self._here = True
            self.entered()
        self.paint()

    def entered(self) -> None:
        """Begin to be read; a room is made once and entered many times."""

    def left(self) -> None:
        """Be read no more."""

    def paint(self) -> None:
        """Show the newest look."""
        self.tick()

    def tick(self) -> None:
        """Show what changes with time alone."""
        app = self.ours
        at_work = f"{app.at_work} ({app.shown_keys['log']})" if app.at_work else ""
        content = paint.head(app.seen, app.trouble, app.age, app.now(), at_work)
        show(self.query_one("#head", Static), content)
        if app.seen is not None:
            line = paint_next.next_line(app.seen, app.here, self.size.width, app.shown_keys)
            show(self.query_one("#then", Static), line)


def show(widget: Static, content: Content, *, layout: bool = False) -> None:
    """Show content, and repaint only if it is another one."""
    if widget.content != content:
        widget.update(content, layout=layout)


class Dialog(ModalScreen[bool]):
    """A question over a room. Back is always one key away, and so is the rollback."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "refuse", "No", show=False),
        Binding("R,ctrl+r", "app.rollback", "Rollback", show=False, id="every.rollback"),
    ]

    @property
    def ours(self) -> MigrateApp:
        """Return the app, as what it is."""
        return cast("MigrateApp", self.app)

    def action_refuse(self) -> None:
        self.dismiss(False)
