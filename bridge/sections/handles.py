"""The handles of a section: numbers that stand for what was opened."""

from __future__ import annotations

import errno
from itertools import count
from typing import Generic, TypeVar

from bridge.store.tree import failure

Opened = TypeVar("Opened")


class Handles(Generic[Opened]):
    """What is open in a section, by number; any number of threads may use it."""

    def __init__(self) -> None:
        self._open: dict[int, Opened] = {}
        self._numbers = count(1)

    def add(self, opened: Opened) -> int:
        """Return the number of a new handle."""
        number = next(self._numbers)
        self._open[number] = opened
        return number

    def __getitem__(self, number: int) -> Opened:
        """Return what was opened.

        Raises:
            OSError: EBADF.
        """
        try:
            return self._open[number]
        except KeyError:
            raise failure(errno.EBADF) from None

    def get(self, number: int | None) -> Opened | None:
        """Return what was opened, None where a path is asked for and no handle."""
        return None if number is None else self._open.get(number)

    def close(self, number: int) -> None:
        """Forget a handle; one that is closed already is fine."""
        self._open.pop(number, None)
