"""The modern backend: pyfuse3 on libfuse3."""

from typing import Any


class PyFuse3Backend:
    def __init__(self, operations: Any) -> None:
        self.operations = operations

    def mount(self, mount_point: str) -> None:
        from dualfuse import mount

        mount(self.operations, mount_point, backend="pyfuse3")

    def get_operations(self) -> Any:
        return self.operations
