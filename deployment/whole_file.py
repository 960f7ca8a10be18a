"""Replace a file at once."""

from __future__ import annotations

import threading
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Replace a file at once, so that nobody ever reads half of it; its folder is made where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # a thread's own: the guard beside an `advance` writes what that writes, too
    beside = path.with_name(f".{path.name}.{threading.get_native_id()}")
    beside.write_text(text, "utf-8")
    beside.replace(path)
