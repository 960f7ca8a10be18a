"""Everything that depends on pyfuse3's insides: loading it lean, its version, and one poke into its memory.

pyfuse3 3.5 imports trio (12 MB, 90 ms) and importlib.metadata only for its own main loop and its version number, and
pickle only for the name of an error. None is needed by ``dualfuse.loop``, so all are stood in for while it loads.
"""

from __future__ import annotations

import importlib.machinery
import os
import sys
import types
from typing import Any

TESTED = ("3.5.",)  # versions whose session loop and memory layout the loop knows


class PackageNotFoundError(ImportError):
    """Stands in for importlib.metadata's."""


class PicklingError(Exception):
    """Stands in for pickle's."""


def installed_version(package: str) -> str | None:
    """Read a package's version from the name of its dist-info directory, without importlib.metadata."""
    spec = importlib.machinery.PathFinder.find_spec(package)
    if spec is None or not spec.origin:
        return None
    site = os.path.dirname(spec.origin)  # noqa: PTH120 - pathlib costs a mount 3 ms
    if spec.submodule_search_locations:
        site = os.path.dirname(site)  # noqa: PTH120
    prefix = {"fuse": "fusepy"}.get(package, package) + "-"
    names = [name for name in os.listdir(site) if name.startswith(prefix) and name.endswith(".dist-info")]  # noqa: PTH208
    return names[0].removeprefix(prefix).removesuffix(".dist-info") if names else None


def _version(package: str) -> str:
    version = installed_version(package)
    if version is None:
        raise PackageNotFoundError(package)
    return version


def load() -> Any:
    """Import pyfuse3, without trio, importlib.metadata and pickle unless the process has them already.

    Raises ImportError when pyfuse3 or libfuse3 is missing.
    """
    if "pyfuse3" in sys.modules:
        return sys.modules["pyfuse3"]
    stand_ins: dict[str, types.ModuleType] = {}
    if "trio" not in sys.modules:
        stand_ins["trio"] = types.ModuleType("trio")
    if "importlib.metadata" not in sys.modules:
        metadata = types.ModuleType("importlib.metadata")
        metadata.__dict__.update(version=_version, PackageNotFoundError=PackageNotFoundError)
        stand_ins["importlib.metadata"] = metadata
    if "pickle" not in sys.modules:
        stand_ins["pickle"] = types.ModuleType("pickle")
        stand_ins["pickle"].__dict__.update(PicklingError=PicklingError)
    sys.modules.update(stand_ins)
    try:
        import pyfuse3
    finally:
        for name, module in stand_ins.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]
    return pyfuse3


def use_real_trio(pyfuse3: Any) -> Any:
    """Give pyfuse3 the real trio, for its stock loop. Raises ImportError when trio is not installed."""
    import trio

    pyfuse3.trio = trio
    return trio


def reasons_against(pyfuse3: Any) -> list[str]:
    """Check that pyfuse3 is the one that the loop knows; every reason found speaks for the stock loop."""
    reasons = []
    if not pyfuse3.__version__.startswith(TESTED):
        reasons.append(f"pyfuse3 {pyfuse3.__version__} is not one of {', '.join(v + 'x' for v in TESTED)}")
    session_loop = getattr(getattr(pyfuse3, "_session_loop", None), "__wrapped__", None)
    if session_loop is None:
        reasons.append("pyfuse3._session_loop is not what it was")
    if "trio" not in vars(pyfuse3):
        reasons.append("pyfuse3 no longer looks trio up in its own module")
    return reasons


def plain_entry_offset(pyfuse3: Any) -> int | None:
    """Find where an EntryAttributes keeps the node number, apart from the inode number that is listed.

    pyfuse3 speaks READDIRPLUS only. A node number of 0 with an inode number tells the kernel to list the name and to
    look it up later, which spares one getattr an entry; but the st_ino property always sets both. None: not found.
    """
    import ctypes  # with the first listing: it takes a tenth of the time of a mount

    entry = pyfuse3.EntryAttributes()
    mark = 0x1122334455667788
    entry.st_ino = mark
    raw = ctypes.string_at(id(entry), sys.getsizeof(entry))
    offset = raw.find(mark.to_bytes(8, sys.byteorder))
    if offset < 0 or raw.count(mark.to_bytes(8, sys.byteorder)) != 2:
        return None
    ctypes.c_uint64.from_address(id(entry) + offset).value = 0
    after = ctypes.string_at(id(entry), sys.getsizeof(entry))
    return offset if entry.st_ino == 0 and after.count(mark.to_bytes(8, sys.byteorder)) == 1 else None


class PlainEntry:
    """An entry of a listing that the kernel shows without learning the file behind it."""

    def __init__(self, pyfuse3: Any, offset: int) -> None:
        import ctypes

        self.entry = pyfuse3.EntryAttributes()
        self.entry.entry_timeout = self.entry.attr_timeout = 0
        self._node = ctypes.c_uint64.from_address(id(self.entry) + offset)

    def set(self, inode: int, mode: int) -> None:
        """Set what is listed: the inode number and the file type."""
        self.entry.st_ino = inode
        self.entry.st_mode = mode
        self._node.value = 0
