"""How a process that serves a mount keeps its memory, so that what the kernel forgets goes back to the machine.

Python's own allocator gives memory back by the mebibyte and only where nothing in it is alive. Among a million names
there is always something that is: after a walk most of it would stay, and more with each walk.
"""

from __future__ import annotations

from collections.abc import Mapping


def environment(backend: str) -> Mapping[str, str]:
    """Return the variables that such a process is to be started with; they can not be set later.

    pyfuse3 alone needs them: libfuse2 keeps its table of names in C. See PYTHONMALLOC in python(1) and MALLOC_ARENA_MAX
    in mallopt(3): one arena is enough for threads of which one runs at a time.
    """
    return {"PYTHONMALLOC": "malloc", "MALLOC_ARENA_MAX": "1"} if backend == "pyfuse3" else {}


def give_back() -> None:
    """Return what is free to the kernel: what Python keeps of small tuples, and what the C library can (glibc)."""
    import ctypes
    import gc

    gc.collect()  # 2,000 free tuples, strewn over all the memory of the table, would keep nearly all of it
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
