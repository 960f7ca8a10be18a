"""The legacy backend: fusepy on libfuse2."""

from typing import Any

import fuse


class FusepyBackend:
    def __init__(self, operations: Any) -> None:
        self.operations = operations

    def mount(self, mount_point: str) -> None:
        fuse.FUSE(self.operations, mount_point, foreground=True, nothreads=False)

    def get_operations(self) -> Any:
        return self.operations
