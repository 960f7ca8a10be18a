"""A widget whose rows come ready to be written.

What is shown anew at every tick would cost most of it in being measured, wrapped, bordered and styled again. A sheet
hands its rows to the compositor as they are. The terminal's filters of colours see the few inks, and only the one of
characters, where there is no UTF-8, sees every row.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable

from rich.segment import Segment
from rich.style import Style
from textual.filter import LineFilter
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from runbook.tui.glyphs import BLUE, ORANGE, AsciiFilter

#: A run of characters, and the name of the ink it is written in: "", "dim", "bold", BLUE or ORANGE.
Run = tuple[str, str]
INKS = {
    "": Style(),
    "dim": Style(dim=True),
    "bold": Style(bold=True),
    BLUE: Style(color=BLUE, bold=True),
    ORANGE: Style(color=ORANGE, bold=True),
}


class Sheet(Widget):
    """Rows of runs, made by whoever derives from it."""

    ALLOW_SELECT = False
    can_focus = False

    def __init__(self, name: str | None = None) -> None:
        super().__init__(id=name)
        self._strips: list[Strip] = []
        self._made_for: object = None
        self._inks: dict[str, Style] = {}

    @abstractmethod
    def rows(self, width: int, height: int) -> Iterable[Iterable[Run]]:
        """Return the rows for this size; what is wider is cut."""

    def again(self) -> None:
        """Make the rows anew at the next repaint."""
        self._made_for = None
        self.refresh()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return the rows of a region."""
        size, filters = self.outer_size, self.get_line_filters()
        if self._made_for != (size, filters):
            base = self.rich_style
            self._inks = {name: self._seen(base + ink, filters) for name, ink in INKS.items()}
            self._strips = [self._strip(row, size.width) for row in self.rows(size.width, size.height)]
            blank = Strip([Segment(" " * size.width, self._inks[""])], size.width)
            self._strips += [blank] * (size.height - len(self._strips))
            self._made_for = (size, filters)
        strips = self._strips[crop.y : crop.bottom]
        if crop.column_span != (0, size.width):
            strips = [strip.crop(crop.x, crop.right) for strip in strips]
        for seen_through in filters:
            if isinstance(seen_through, AsciiFilter):
                strips = [strip.apply_filter(seen_through, self.background_colors[1]) for strip in strips]
        return strips

    def _seen(self, style: Style, filters: Iterable[LineFilter]) -> Style:
        """Return a style as the terminal shows it."""
        segments = [Segment(" ", style)]
        for seen_through in filters:
            segments = seen_through.apply(segments, self.background_colors[1])
        return segments[0].style or style

    def _strip(self, row: Iterable[Run], width: int) -> Strip:
        segments = [Segment(run, self._inks[ink]) for run, ink in row]
        left = width - sum(len(segment.text) for segment in segments)
        if left > 0:
            segments.append(Segment(" " * left, self._inks[""]))
        return Strip(segments, width) if left >= 0 else Strip(segments).crop(0, width)


def ruled(title: str, width: int) -> list[Run]:
    """Return a title in the rule above a part."""
    shown = title[: max(0, width - 2)]
    return [("─", BLUE), (shown, "bold"), ("─" * (width - 1 - len(shown)), BLUE)]
