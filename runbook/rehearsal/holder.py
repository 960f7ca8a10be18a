"""The client that keeps files and folders open across whatever happens, and then expects all to be in order."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from contextlib import suppress

from runbook.rehearsal.pulse import FailedError, Pulse
from runbook.rehearsal.ways import Mount, WrongAnswerError, listing, read_all, write_all


class Holder:
    """Works by the stable mount path alone, one round of holding after the other."""

    def __init__(
        self, folder: str, mount: Mount, pulse: Pulse, wait: Callable[[], None], chance: random.Random
    ) -> None:
        self._folder = folder
        self._mount = mount
        self.pulse = pulse
        self._wait = wait
        self._chance = chance
        self._serial = 0

    def start(self) -> None:
        """Make the holder's folder."""
        with self.pulse.operation("mount.mkdir", self._folder):
            self._mount.make_folder(self._folder)

    def round(self) -> None:
        """Hold a file that is being written, a file that is being read, and the folder, all at once."""
        self._serial += 1
        old, new = f"{self._folder}/r{self._serial}", f"{self._folder}/w{self._serial}"
        content = self._chance.randbytes(20_000)
        with self.pulse.operation("mount.create", old):
            self._mount.write(old, content, os.O_CREAT | os.O_EXCL)
        held: list[int] = []
        try:
            with self.pulse.operation("mount.hold", old):
                held.append(os.open(self._mount.at(old), os.O_RDONLY))
            with self.pulse.operation("mount.hold", new):
                held.append(os.open(self._mount.at(new), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644))
                write_all(held[1], content[:10_000])
            with self.pulse.operation("mount.hold", self._folder):
                held.append(os.open(self._mount.at(self._folder), os.O_RDONLY | os.O_DIRECTORY))
            self._wait()
            with self.pulse.operation("mount.held-read", old):
                _same(read_all(held[0]), content)
            with self.pulse.operation("mount.held-write", new):
                write_all(held[1], content[10_000:])
                os.fsync(held[1])
            with self.pulse.operation("mount.held-list", self._folder):
                names = listing(held[2])
                if not {f"r{self._serial}", f"w{self._serial}"} <= names:
                    raise WrongAnswerError(f"listing shows {sorted(names)[:5]} only")
        finally:
            for descriptor in held:
                with suppress(FailedError), self.pulse.operation("mount.held-close", self._folder):
                    os.close(descriptor)
        for path in (old, new):
            with self.pulse.operation("mount.read", path):
                _same(self._mount.read(path), content)
            with self.pulse.operation("mount.unlink", path):
                self._mount.unlink(path)


def _same(got: bytes | None, want: bytes) -> None:
    if got != want:
        raise WrongAnswerError(f"wrong bytes: {'no file' if got is None else len(got)} instead of {len(want)}")
