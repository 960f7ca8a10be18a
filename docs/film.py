"""Draw what stands on a terminal as SVG: one picture, or the moments of a walk one after the other.

A picture asks nobody for anything: no font, no script. Every run of characters is as wide as its cells, whatever font
the reader has. A row that stands still over many moments is in the file once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from rich.cells import cell_len
from rich.color import Color, blend_rgb
from rich.segment import Segment
from rich.style import Style

CELL, ROW, SIZE = 8.4, 18.0, 14  # of a monospaced font, in pixels
BLANK = "\u00a0"  # that no reader takes for nothing
EDGE = 10.0  # around the terminal
BACKGROUND, FOREGROUND = (18, 18, 18), (224, 224, 224)  # what the screens stand on


@dataclass(frozen=True, slots=True)
class Moment:
    """What stood on the terminal, row by row in SVG, and how long it is shown."""

    rows: tuple[str, ...]
    seconds: float
    columns: int


def moment(strips: Iterable[Iterable[Segment]], columns: int, seconds: float = 1.0) -> Moment:
    """Return the rows of a terminal as a moment."""
    return Moment(tuple(_row(strip) for strip in strips), seconds, columns)


def picture(one: Moment) -> str:
    """Return a moment as an SVG picture."""
    return _sheet([one], "")


def film(moments: Sequence[Moment]) -> str:
    """Return moments as one SVG that shows them in turn, again and again; all must have the same size."""
    high, whole, gone = _height(moments[0]), sum(m.seconds for m in moments), 0.0
    steps = []
    for number, one in enumerate(moments):
        steps.append(f"{gone / whole:.4%}{{transform:translateY({-number * high:g}px)}}")
        gone += one.seconds
    moves = f"@keyframes walk{{{''.join(steps)}}}#walk{{animation:walk {whole:g}s step-end infinite}}"
    stands = "@media(prefers-reduced-motion){#walk{animation:none}}"  # then it is the first moment
    return _sheet(moments, moves + stands)


def _sheet(moments: Sequence[Moment], style: str) -> str:
    known: dict[str, str] = {}
    drawn = []
    high, wide = _height(moments[0]), moments[0].columns * CELL
    for number, one in enumerate(moments):
        for line, row in enumerate(one.rows):
            if row:
                name = known.setdefault(row, f"r{len(known)}")
                drawn.append(f'<use href="#{name}" y="{number * high + line * ROW:g}"/>')
    rows = "".join(f'<g id="{name}">{row}</g>' for row, name in known.items())
    box = f'width="{wide + 2 * EDGE:g}" height="{high + 2 * EDGE:g}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide + 2 * EDGE:g} {high + 2 * EDGE:g}" {box}>\n'
        f"<style>text{{font:{SIZE}px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace}}"
        f".b{{font-weight:bold}}{style}</style>\n"
        f"<defs>{rows}</defs>\n"
        f'<rect {box} rx="8" fill="{_hex(BACKGROUND)}"/>\n'
        f'<svg x="{EDGE:g}" y="{EDGE:g}" width="{wide:g}" height="{high:g}"><g id="walk">{"".join(drawn)}</g></svg>\n'
        "</svg>\n"
    )


def _height(one: Moment) -> float:
    return len(one.rows) * ROW


def _row(strip: Iterable[Segment]) -> str:
    """Return one row: what is behind each run, and then the runs; blanks on the common background are left out."""
    behind, drawn, column = [], [], 0
    for text, style, control in Segment.simplify(strip):
        if control:
            continue
        wide = cell_len(text)
        ink, paper = _colours(style or Style())
        if paper != BACKGROUND:
            place = f'x="{column * CELL:g}" width="{wide * CELL:g}" height="{ROW:g}"'
            behind.append(f'<rect {place} fill="{_hex(paper)}"/>')
        if shown := text.strip():
            bold = ' class="b"' if style and style.bold else ""
            x, width = (column + cell_len(text) - cell_len(text.lstrip())) * CELL, cell_len(shown) * CELL
            place = f'x="{x:g}" y="{ROW - 4.5:g}" textLength="{width:g}" fill="{_hex(ink)}"'
            drawn.append(f"<text {place}{bold}>{escape(shown, quote=False).replace(' ', BLANK)}</text>")
        column += wide
    return "".join((*behind, *drawn))


def _colours(style: Style) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Return the colours of the characters and of what is behind them."""
    ink, paper = (
        FOREGROUND if style.color is None or style.color.is_default else _rgb(style.color),
        BACKGROUND if style.bgcolor is None or style.bgcolor.is_default else _rgb(style.bgcolor),
    )
    if style.reverse:
        ink, paper = paper, ink
    return (_mixed(ink, paper) if style.dim else ink), paper


def _rgb(colour: Color) -> tuple[int, int, int]:
    red, green, blue = colour.get_truecolor()
    return red, green, blue


def _mixed(ink: tuple[int, int, int], paper: tuple[int, int, int]) -> tuple[int, int, int]:
    from rich.color_triplet import ColorTriplet

    red, green, blue = blend_rgb(ColorTriplet(*ink), ColorTriplet(*paper), 0.35)
    return red, green, blue


def _hex(colour: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
