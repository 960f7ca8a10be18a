"""File systems whose operations are ``async def``, served like any other.

Threading rule: all coroutines of one mount run on one event loop in one thread of its own (trio where the class asks
for it with ``async_library = "trio"``, asyncio otherwise); operations that are not coroutines never run on it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from dualfuse.operations import OPERATIONS

CO_COROUTINE = 0x80


def _is_coroutine_function(method: object) -> bool:
    function = getattr(method, "__func__", method)
    code = getattr(function, "__code__", None)
    return code is not None and bool(code.co_flags & CO_COROUTINE)


def asynchronous_operations(operations: object) -> list[str]:
    """Name the operations of a class that are coroutine functions; looks through guards and instruments."""
    inner = getattr(operations, "operations", operations)
    return [name for name in OPERATIONS if _is_coroutine_function(getattr(inner, name, None))]


@contextmanager
def synchronous(operations: object) -> Iterator[object]:
    """Give an Operations object that can be called from any thread, running its coroutines on a loop meanwhile."""
    if not asynchronous_operations(operations):
        yield operations
        return
    raise NotImplementedError("async operations")
