"""The comparator: what two sides are asked, how often they agreed, and what was answered where they did not."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from dualfuse.compare import AGAIN, Asked, Compared, Outcome, Wanted, compare, wanted
from dualfuse.observe import BYTES, WHOLE, Observation, observe_all
from dualfuse.tap import Sample

KNOWN = 10000  # paths remembered
WINDOW = 128 * 1024  # bytes of a large file that are looked at when its turn comes
HIDDEN = ".fuse_hidden"  # libfuse's own names for what is deleted and open
KEPT = 1000  # divergences kept with both answers


class Side(Protocol):
    """One of the two that are compared."""

    @property
    def backend(self) -> str:
        """Who serves it."""

    def look(self, asked: Asked) -> Sequence[Observation]:
        """Return what the paths look like there."""


class MountedSide:
    """A side that is mounted here."""

    def __init__(self, mount: Path, backend: str) -> None:
        self.mount = mount
        self.backend = backend

    def look(self, asked: Asked) -> Sequence[Observation]:
        """Return what the paths look like there.

        Raises:
            OSError: The mount itself cannot be opened.
        """
        return observe_all(self.mount, asked)


class Comparator:
    """Compares, counts and remembers.

    Args:
        primary: The side that serves.
        shadow: The side that is compared with it.
        skipped: Tells paths that the two need not show alike.
        begin: Folders that are known without the tap's having told of them.
    """

    def __init__(
        self,
        primary: Side,
        shadow: Side,
        skipped: Callable[[str], bool] = lambda _: False,
        begin: Sequence[str] = (),
    ) -> None:
        self._primary = primary
        self._shadow = shadow
        self._skipped = skipped
        self._known: OrderedDict[str, int] = OrderedDict.fromkeys(begin, 0)  # paths, with the size that was seen last
        self._cursors: dict[str, int] = {}  # how far into a large file was looked already
        self.counts: Counter[tuple[str, str, str, str]] = Counter()  # kind, operation, primary, shadow
        self.divergences: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._reads = False  # whether the newest look also read
        self.raced = 0
        self.found = 0  # divergences, those that are no longer kept included

    @property
    def known(self) -> int:
        """How many paths are remembered."""
        return len(self._known)

    def total(self, kind: str) -> int:
        """Return how many "comparisons" or "divergence" there were, over all operations."""
        return sum(count for key, count in self.counts.items() if key[0] == kind)

    def work(self, samples: Sequence[Sample], paths: int) -> int:
        """Compare what was sampled, and known paths where that is little; return how many operations were compared.

        Args:
            samples: What the tap noted, oldest first.
            paths: How many paths are looked at, at most.
        """
        newest = list(wanted(samples, self._skipped).items())[-paths:]  # an older state is gone anyway
        chosen: Wanted = dict(newest)
        again = [path for path in self._oldest(max(paths - len(newest), paths // 4)) if path not in chosen]
        chosen |= {path: dict(AGAIN) for path in again}
        for path, operations in chosen.items():
            # Wrong bytes are what nobody else would notice. But not each time: after a read the kernel asks for the
            # attributes anew, and would never be seen to believe old ones.
            self._reads = not self._reads
            if self._reads and not any("content" in questions for questions in operations.values()):
                operations.setdefault("read", AGAIN["read"])
            if window := self._window(path):
                operations["read"] = (window, *operations.get("read", ()))
        for path, _ in newest:
            self._known.setdefault(path, 0)
            self._known.move_to_end(path)
        while len(self._known) > KNOWN:
            self._forget(next(iter(self._known)))
        done = 0
        for compared in compare(chosen, self._primary.look, self._shadow.look) if chosen else ():
            done += self._count(compared)
        return done

    def _window(self, path: str) -> str:
        """Return the question about the next piece of a file that is too large to be looked at whole, else nothing."""
        size, offset = self._known.get(path, 0), self._cursors.get(path, 0)
        if size <= WHOLE:
            return ""
        self._cursors[path] = offset + WINDOW if offset + WINDOW < size else 0
        return f"{BYTES}{offset}:{WINDOW}"

    def _forget(self, path: str) -> None:
        self._known.pop(path, None)
        self._cursors.pop(path, None)

    def _discover(self, folder: str, names: Sequence[str]) -> None:
        """Remember what a folder lists: where clients are all on the other side, the tap tells of nothing new."""
        for name in names:
            if len(self._known) >= KNOWN:
                return
            path = f"{folder}/{name}" if folder else name
            if not name.startswith(HIDDEN) and not self._skipped(path):
                self._known.setdefault(path, 0)

    def _oldest(self, number: int) -> list[str]:
        paths = [path for path, _ in zip(self._known, range(number), strict=False)]
        for path in paths:
            self._known.move_to_end(path)
        return paths

    def _count(self, compared: Compared) -> int:
        operations = compared.operations()
        if compared.outcome is Outcome.RACED:
            self.raced += len(operations)
            return 0
        names = (self._primary.backend, self._shadow.backend)
        for operation in operations:
            self.counts["comparisons", operation, *names] += 1
        diverged = compared.diverged()
        for operation in diverged:
            self.counts["divergence", operation, *names] += 1
        if diverged:
            self.found += 1
            self.divergences.append(
                {
                    "at": time.time(),
                    "path": compared.path,
                    "operations": diverged,
                    "differing": compared.differing(),
                    "primary": {"backend": names[0], **compared.primary},
                    "shadow": {"backend": names[1], **compared.shadow},
                }
            )
        listing = compared.primary.get("listing")
        if isinstance(listing, list):
            self._discover(compared.path, listing)
        if "error" in compared.primary and "error" in compared.shadow:
            self._forget(compared.path)  # gone on both sides
        elif compared.path in self._known:
            self._known[compared.path] = compared.primary.get("attributes", {}).get("st_size", 0)
        return len(operations)
