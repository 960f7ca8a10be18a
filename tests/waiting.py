"""Wait for what a real process does, never longer than said."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def until(look: Callable[[], Result], seconds: float = 20.0) -> Result:
    """Return the first true thing that `look` gives; fail if none comes in time."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {look}"
        time.sleep(0.02)
    return found
