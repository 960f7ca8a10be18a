"""A chart in braille: two series over time, told apart by their stroke, with the limit drawn in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from deployment.metrics.series import Point
from runbook.tui.glyphs import BLUE, ORANGE
from runbook.tui.sheet import Run, Sheet, ruled

LABEL = 9  # columns left of the drawing
#: The braille bits of four dots above each other, lowest first, in the left and in the right column of a character.
_LEFT, _RIGHT = (
    tuple(sum(bit for n, bit in enumerate(bits) if four >> n & 1) for four in range(16))
    for bits in ((0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08))
)
_FILLED = tuple((1 << count) - 1 for count in range(4 * 64))  # so many dots above each other


@dataclass(frozen=True, slots=True)
class Curve:
    """What a chart shows of one metric."""

    stable: Sequence[Point] = ()
    canary: Sequence[Point] = ()
    limit: float | None = None
    span: tuple[float, float] = (0.0, 1.0)  # the first and the last time shown, Unix seconds
    gap: float = float("inf")  # seconds without a value after which a line is broken


class Plane:
    """Dots, two by four to a character; a column of dots is the bits of one number, the lowest dot first."""

    def __init__(self, columns: int, rows: int, span: tuple[float, float], top: float) -> None:
        self._columns = [0] * (columns * 2)
        self._first = span[0]
        self._across = (columns * 2 - 1) / ((span[1] - span[0]) or 1.0)
        self._highest = rows * 4 - 1
        self._up = self._highest / top

    def _places(self, points: Sequence[Point]) -> Iterator[tuple[float, int, int]]:
        """Yield time, column and height of every point that is inside."""
        first, across, up, highest, columns = (
            *(self._first, self._across, self._up),
            *(self._highest, len(self._columns)),
        )
        for point in points:
            value = point.value
            if value is not None:
                x, y = int((point.at - first) * across + 0.5), int(value * up + 0.5)
                if 0 <= x < columns:
                    yield point.at, x, y if 0 <= y <= highest else 0 if y < 0 else highest

    def dots(self, points: Sequence[Point]) -> None:
        """Set one dot a point."""
        columns = self._columns
        for _, x, y in self._places(points):
            columns[x] |= 1 << y

    def line(self, points: Sequence[Point], gap: float) -> None:
        """Connect the points, but not across a gap."""
        columns = self._columns
        then, x0, y0 = float("-inf"), 0, 0
        for at, x, y in self._places(points):
            if at - then > gap:
                x0, y0 = x, y
            below = y0
            for column in range(x0, x + 1):
                here = y if column == x else y0 + (y - y0) * (column - x0) // (x - x0)
                low, count = (below, here - below) if below < here else (here, below - here)
                columns[column] |= _FILLED[count + 1] << low
                below = here
            then, x0, y0 = at, x, y

    def row(self, height: int) -> list[int]:
        """Return a row of characters as braille bits; height counts from the bottom."""
        shift, columns = height * 4, self._columns
        return [
            _LEFT[left >> shift & 15] | _RIGHT[right >> shift & 15]
            for left, right in zip(columns[::2], columns[1::2], strict=True)
        ]


def draw(
    curve: Curve, width: int, height: int, show: Callable[[float], str], *, utf8: bool = True
) -> Iterator[list[Run]]:
    """Yield a chart's rows: fusepy dotted, pyfuse3 connected, the limit as a rule.

    Args:
        curve: What is shown.
        width: Columns, the labels included.
        height: Rows.
        show: How a value reads.
        utf8: Whether there is braille; else fusepy is dots and pyfuse3 stars.
    """
    columns, rows = max(1, width - LABEL), max(1, min(height, 63))
    values = [p.value for points in (curve.stable, curve.canary) for p in points if p.value is not None]
    top = 1.1 * max([curve.limit or 0.0, *values]) or 1.0
    under, over = (Plane(columns, rows, curve.span, top) for _ in range(2))
    under.dots(curve.stable)
    over.line(curve.canary, curve.gap)
    labels = {0: show(top) if values or curve.limit is not None else "no data", rows - 1: show(0.0)}
    ruled_at = -1
    if curve.limit is not None:
        ruled_at = rows - 1 - min(rows - 1, int(curve.limit / top * rows))
        labels[ruled_at] = f"{show(curve.limit)} ≤"
    for number in range(rows):
        drawn = _runs(under.row(rows - 1 - number), over.row(rows - 1 - number), number == ruled_at, utf8)
        yield [(f"{labels.get(number, ''):>{LABEL - 1}.{LABEL - 1}} ", "dim"), *drawn]


def _runs(under: list[int], over: list[int], at_limit: bool, utf8: bool) -> list[Run]:
    found: list[Run] = []
    run, ink = "", ""
    blank = "─" if at_limit else " "
    for below, above in zip(under, over, strict=True):
        if not (below or above):  # a blank has no colour: fewer pieces to paint
            character, wanted = blank, "dim" if at_limit else ink
        elif above:
            character, wanted = (chr(0x2800 + (below | above)) if utf8 else "*"), ORANGE
        else:
            character, wanted = (chr(0x2800 + below) if utf8 else "."), BLUE
        if wanted != ink and run:
            found.append((run, ink))
            run = ""
        run += character
        ink = wanted
    return [*found, (run, ink)]


class Chart(Sheet):
    """One metric of both sides."""

    def __init__(self) -> None:
        super().__init__()
        self._title, self._curve = "", Curve()
        self._show: Callable[[float], str] = str

    def show(self, title: str, curve: Curve, show: Callable[[float], str]) -> None:
        """Show this from now on."""
        self._title, self._curve, self._show = title, curve, show
        self.again()

    def rows(self, width: int, height: int) -> Iterator[list[Run]]:
        yield ruled(self._title, width)
        utf8: bool = self.app.glyphs.utf8  # type: ignore[attr-defined]
        yield from draw(self._curve, width, height - 1, self._show, utf8=utf8)
