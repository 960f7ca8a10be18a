"""Who asks: the uid, gid and pid of the caller, inside an operation, on every backend."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol


class Caller(Protocol):
    """The process on whose behalf an operation runs."""

    @property
    def uid(self) -> int: ...
    @property
    def gid(self) -> int: ...
    @property
    def pid(self) -> int: ...


_LIBRARIES = ("fuse", "mfusepy")  # modules that hold a C library which tells who calls
SERVING: set[str] = set()  # modules with a C library that serves a mount in this process now
CALLER: ContextVar[Caller | None] = ContextVar("dualfuse_caller", default=None)


def fuse_get_context() -> tuple[int, int, int]:
    """Give (uid, gid, pid) of the caller, as fusepy's function of the same name does.

    On pyfuse3, read, write, flush, fsync, release and readdir report the process that opened the file: libfuse3 tells
    pyfuse3 nothing better. Raises RuntimeError outside an operation.
    """
    caller = CALLER.get() or current_caller()
    if caller is None:
        raise RuntimeError("fuse_get_context() was called outside a file system operation")
    return caller.uid, caller.gid, caller.pid


class _Copy(NamedTuple):
    uid: int
    gid: int
    pid: int
    fuse: Any = None  # libfuse's own handle, by which fusepy's fuse_exit ends the mount


def current_caller() -> Caller | None:
    """Ask libfuse for the caller of the request that this thread serves; None where no such library serves."""
    for name in _LIBRARIES:
        library: Any = getattr(sys.modules.get(name), "_libfuse", None)
        if library is not None and name in SERVING:
            while isinstance(library, _Library):
                library = library._library
            said = library.fuse_get_context().contents
            return _Copy(said.uid, said.gid, said.pid, said.fuse)
    return None


class _Pointer:
    """Looks like the pointer that libfuse2's fuse_get_context returns."""

    @property
    def contents(self) -> Caller:
        caller = CALLER.get() or current_caller()
        if caller is None:
            raise RuntimeError("fuse_get_context() was called outside a file system operation")
        return caller


class _Library:
    """Looks like libfuse2 to fusepy's Python functions, answering for the caller of a pyfuse3 request."""

    def __init__(self, library: Any) -> None:
        self._library = library

    def fuse_get_context(self) -> _Pointer:
        return _Pointer()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._library, name)


class redirect:  # noqa: N801 - reads as a statement: with redirect():
    """Let ``fuse.fuse_get_context`` answer from ``CALLER``, or from the library that serves, while the block runs.

    Classes hold the function by ``from fuse import fuse_get_context``, so the function stays and the library that it
    asks is replaced: asked outside a request of its own, libfuse2 reads a thread key that was never made, which is
    somebody else's memory. A module that an operation imports later, while it runs, is met as it is loaded.
    """

    def __enter__(self) -> None:
        self._modules: list[Any] = []
        sys.meta_path.insert(0, self)
        for name in _LIBRARIES:
            self._replace(sys.modules.get(name))

    def _replace(self, module: Any) -> None:
        if hasattr(module, "_libfuse"):
            module._libfuse = _Library(module._libfuse)
            self._modules.append(module)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Find what the other finders find, and replace the library when the module has been loaded."""
        if name not in _LIBRARIES:
            return None
        others = [finder for finder in sys.meta_path if not isinstance(finder, redirect)]
        specs = (finder.find_spec(name, path, target) for finder in others)
        spec = next((each for each in specs if each is not None), None)
        loader: Any = spec and spec.loader
        if loader is not None:
            loader.exec_module = self._loading(loader.exec_module)
        return spec

    def _loading(self, load: Callable[[Any], None]) -> Callable[[Any], None]:
        def loaded(module: Any) -> None:
            load(module)
            self._replace(module)

        return loaded

    def __exit__(self, *_: object) -> None:
        sys.meta_path.remove(self)
        for module in self._modules:
            module._libfuse = module._libfuse._library
