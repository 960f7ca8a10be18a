"""Catch what C libraries and their helpers write to file descriptor 2 while a mount is made."""

from __future__ import annotations

import os
import sys


class CapturedStderr:
    """Redirects file descriptor 2 into memory until ``stop``, which gives the text and passes it on.

    libfuse reports why a mount failed on standard error only. A captured text that is not an error is written out
    afterwards, so nothing is lost.
    """

    def __init__(self) -> None:
        self._saved = -1
        self._memory = -1
        self.text = ""

    def start(self) -> CapturedStderr:
        """Begin to capture."""
        if sys.stderr is not None:
            sys.stderr.flush()
        self._memory = os.memfd_create("dualfuse-stderr", os.MFD_CLOEXEC)
        try:
            self._saved = os.dup(2)
        except OSError:  # descriptor 2 is closed: nothing can be written there, so there is nothing to catch
            os.close(self._memory)
            return self
        os.dup2(self._memory, 2)
        return self

    def stop(self, *, forward: bool = True) -> str:
        """Put descriptor 2 back and give what was written; calling it again gives the same text."""
        if self._saved < 0:
            return self.text
        saved, self._saved = self._saved, -1
        if sys.stderr is not None:
            sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)
        os.lseek(self._memory, 0, os.SEEK_SET)
        with os.fdopen(self._memory, "rb") as memory:
            data = memory.read()
        self.text = data.decode(errors="replace")
        if data and forward:
            os.write(2, data)
        return self.text
