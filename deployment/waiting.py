"""Wait for the world, never longer than said."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(holds: Callable[[], bool], seconds: float, every: float = 0.02) -> bool:
    """Ask again and again until something holds, and return whether it did within `seconds`."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True
