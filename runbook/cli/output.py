"""What commands print: data on stdout, narration on stderr, and the one boundary where errors become words."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any


def say(text: str) -> None:
    """Narrate one line on stderr."""
    sys.stderr.write(fit(text, sys.stderr.encoding) + "\n")
    sys.stderr.flush()


def out(text: str) -> None:
    """Print one line of data."""
    sys.stdout.write(fit(text, sys.stdout.encoding) + "\n")
    sys.stdout.flush()


def out_json(value: dict[str, Any]) -> None:
    """Print one JSON object on one line."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def out_lines(lines: Iterable[str]) -> None:
    """Print lines of data."""
    for line in lines:
        out(line)


def error(message: str, hint: str = "") -> None:
    """Print an error and its remedy on stderr."""
    say(f"error: {message}")
    if hint:
        say(f"\nhint: {hint}")


def interactive() -> bool:
    """Tell whether a person can answer a question here."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def whole_terminal() -> bool:
    """Tell whether a person sees and answers here: stdin and stdout are both a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()


_PLAIN = str.maketrans({"→": "->", "…": "...", "≤": "<=", "≥": ">=", "·": ".", "—": "-", "×": "x", "µ": "u"})


def fit(text: str, encoding: str | None) -> str:
    """Return the text as the terminal can show it, with control characters made visible."""
    text = "".join(c if c.isprintable() or c in "\n\t" else f"\\x{ord(c):02x}" for c in text)
    if (encoding or "ascii").lower().replace("-", "") in ("utf8", "utf16", "utf32"):
        return text
    return text.translate(_PLAIN).encode(encoding or "ascii", "replace").decode(encoding or "ascii")
