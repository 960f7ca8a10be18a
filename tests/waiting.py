"""Wait for what a real process does, never longer than said."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def until(look: Callable[[], Result | None], seconds: float = 60.0) -> Result:
    """Return the first true thing that `look` gives; fail if none comes in time.

    The time is that of a busy machine: where all is well it is not used up. Who looks rests as long as a look takes,
    because what is waited for needs the processor too.
    """
    deadline = time.monotonic() + seconds
    while True:
        began = time.monotonic()
        if found := look():
            return found
        now = time.monotonic()
        assert now < deadline, f"not within {seconds:g} s: {look}"
        time.sleep(min(0.2, max(0.01, now - began)))
