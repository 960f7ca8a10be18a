"""Symbols: with UTF-8 and without. On a terminal without it a last filter lets nothing else through."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from checks.gate import Status

#: Blue and orange are told apart by every kind of colour vision; nothing is said by colour alone.
BLUE = "#0072B2"
ORANGE = "#E69F00"


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The symbols of a terminal."""

    ok: str
    fail: str
    unknown: str
    here: str
    ahead: str
    utf8: bool

    def mark(self, status: Status) -> str:
        """Return a verdict's symbol and word."""
        if not self.utf8:
            return {Status.PASS: "[ok]  ", Status.FAIL: "[FAIL]"}.get(status, "[?]   ")
        return {Status.PASS: "✓ pass", Status.FAIL: "✗ FAIL"}.get(status, "? hold")


UNICODE = Glyphs("✓", "✗", "?", "▶", "·", utf8=True)
ASCII = Glyphs("[ok]", "[FAIL]", "[?]", ">", ".", utf8=False)


def speaks_utf8(environment: Mapping[str, str] = os.environ, encoding: str | None = "utf-8") -> bool:
    """Tell whether the terminal shows UTF-8, by its locale and by what the program would write in."""
    locale = environment.get("LC_ALL") or environment.get("LC_CTYPE") or environment.get("LANG") or "utf-8"
    return all("utf" in said.lower() for said in (locale, encoding or "ascii"))


_BOXES = {
    **dict.fromkeys("─━═╌┄╴╶▔▁▂", "-"),
    **dict.fromkeys("│┃║▏▕▌▐▎▊", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╰╯╔╗╚╝┏┓┗┛", "+"),
    **dict.fromkeys("█▇▆▅▓", "#"),
    **dict.fromkeys("░▒▃▄", "."),
    **dict(zip("→≤≥…·—–×µ✓✗▶▼▲●○•’", "><>..--xu+x>v^*o*'", strict=True)),
}


def plain(text: str) -> str:
    """Return the text in ASCII, as wide as it was."""
    if text.isascii():
        return text
    return "".join(c if c.isascii() else _BOXES.get(c) or _other(c) for c in text)


def _other(character: str) -> str:
    if "\u2800" <= character <= "\u28ff":  # braille: a chart
        return " " if character == "\u2800" else "*"
    from rich.cells import cell_len

    return "?" * cell_len(character)


class AsciiFilter(LineFilter):
    """Lets only ASCII through to the terminal."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        """Return the segments in ASCII."""
        return [Segment(plain(text), style, control) for text, style, control in segments]
