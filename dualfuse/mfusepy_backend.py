"""Serve an Operations object on mfusepy and libfuse3: fusepy's interface and threads on the newer library.

Threading rule: as fusepy: libfuse3's high-level loop runs operations in threads of its own. Optional: install mfusepy.
"""

from dualfuse.fusepy_backend import FusepyBackend


class MfusepyBackend(FusepyBackend):
    """mfusepy on libfuse3."""

    name = "mfusepy"
    module = "mfusepy"
    helper = "fusermount3"
