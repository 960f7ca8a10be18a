"""A chart in braille: two series over time, told apart by their stroke, with the limit drawn in."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.content import Content
from textual.widgets import Static

from runbook.tui.glyphs import BLUE, ORANGE
from runbook.tui.paint import Part, lines

Points = Sequence[tuple[float, float]]
LABEL = 9  # columns left of the drawing
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


class Canvas:
    """Dots, two by four to a character."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width * 2, height * 4
        self.cells = [bytearray(width) for _ in range(height)]

    def dot(self, x: int, y: int) -> None:
        """Set one dot; y counts from the bottom, and what is outside is left out."""
        if 0 <= x < self.width and 0 <= y < self.height:
            row = self.height - 1 - y
            self.cells[row // 4][x // 2] |= _DOTS[row % 4][x % 2]

    def line(self, x0: int, y0: int, x1: int, y1: int) -> None:
        """Connect two dots."""
        steps = max(abs(x1 - x0), abs(y1 - y0), 1)
        for step in range(steps + 1):
            self.dot(x0 + round((x1 - x0) * step / steps), y0 + round((y1 - y0) * step / steps))


def draw(
    stable: Points,
    canary: Points,
    limit: float | None,
    span: tuple[float, float],
    size: tuple[int, int],
    show: Callable[[float], str],
) -> Content:
    """Return a chart: fusepy dotted, pyfuse3 connected, the limit as a rule.

    Args:
        stable: Points of time and value of the fusepy side.
        canary: Points of the pyfuse3 side.
        limit: Where the gate stands; None: there is none.
        span: The first and the last time shown, Unix seconds.
        size: Columns and rows.
        show: How a value reads.
    """
    columns, rows = max(1, size[0] - LABEL), max(1, size[1])
    top = 1.1 * max([limit or 0.0, *(v for _, v in stable), *(v for _, v in canary)]) or 1.0
    first, last = span

    def place(at: float, value: float) -> tuple[int, int]:
        x = round((at - first) / (last - first or 1.0) * (columns * 2 - 1))
        return x, min(rows * 4 - 1, round(max(0.0, value) / top * (rows * 4 - 1)))

    under, over = Canvas(columns, rows), Canvas(columns, rows)
    for at, value in stable:
        under.dot(*place(at, value))
    for (at, value), (then, after) in zip(canary, [*canary[1:], *canary[-1:]], strict=True):
        over.line(*place(at, value), *place(then, after))
    ruled = -1 if limit is None else rows - 1 - min(rows - 1, int(limit / top * rows))
    found: list[list[Part]] = []
    for number in range(rows):
        label = f"{show(limit)} ≤" if number == ruled and limit is not None else show(top) if number == 0 else ""
        found.append(
            [(f"{label:>{LABEL - 1}} ", "dim"), *_row(under.cells[number], over.cells[number], number == ruled)]
        )
    return lines(found)


def _row(under: bytearray, over: bytearray, ruled: bool) -> list[Part]:
    parts: list[tuple[str, str]] = []
    for below, above in zip(under, over, strict=True):
        dots = below | above
        style = ORANGE if above else BLUE if below else "dim"
        character = chr(0x2800 + dots) if dots else "─" if ruled else " "
        if parts and (character == " " or parts[-1][1] == style):  # a blank has no colour: fewer pieces to paint
            parts[-1] = (parts[-1][0] + character, parts[-1][1])
        else:
            parts.append((character, style))
    return list(parts)


class Chart(Static):
    """One metric of both sides."""

    def __init__(self, title: str, limit: float | None, show: Callable[[float], str]) -> None:
        super().__init__(classes="part chart", markup=False)
        self.border_title = title
        self._limit, self._show = limit, show

    def draw(self, stable: Points, canary: Points, span: tuple[float, float]) -> None:
        """Show these points."""
        size = self.content_size.width or 60, self.content_size.height or 5
        self.update(draw(stable, canary, self._limit, span, size, self._show), layout=False)
