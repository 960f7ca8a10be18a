"""The differences between the backends that are known and accepted, each with its reason.

One table for the parity run, the differential tests and docs/differences.md (``python -m dualfuse.differences``).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Difference:
    """One accepted difference; ``fusepy`` and ``pyfuse3`` say what each does."""

    name: str
    fusepy: str
    pyfuse3: str
    reason: str


HARD_LINKS = Difference(
    "hard links",
    "every name of a file is an inode of its own: st_ino differs, and the link count, size and content seen through "
    "one name lag behind a change through another by up to attr_timeout; renaming one name over another hides the "
    "old one for as long",
    "names share an inode where the class gives st_dev, st_ino and st_nlink above 1, or made the link itself",
    "libfuse2's high-level layer knows paths only; sharing is what POSIX says, so the newer behaviour is kept",
)
HIDDEN_FILE = Difference(
    "a directory whose removed file is still open",
    "cannot be removed or replaced (ENOTEMPTY) until the file is closed, unlike on a plain directory: the file is "
    "kept under a name that begins with .fuse_hidden",
    "the same, but for a file that has another name by which it can be served",
    "a class that knows its files by path could not serve the open file without a name; hard_remove turns it off",
)
KNOWN: tuple[Difference, ...] = (
    HARD_LINKS,
    HIDDEN_FILE,
    Difference(
        "one time alone",
        "setting only atime or only mtime (touch -a, touch -m) is ignored without an error",
        "the other time is read first and both are set",
        "libfuse2 drops the request because fusepy cannot express UTIME_OMIT",
    ),
    Difference(
        "RENAME_NOREPLACE",
        "renameat2 with flags fails with EINVAL",
        "RENAME_NOREPLACE is honoured; RENAME_EXCHANGE fails with EINVAL on both",
        "libfuse2's protocol has no flags for rename",
    ),
    Difference(
        "names that are not UTF-8",
        "EIO for the name, and for the listing of a directory that holds one",
        "they work, as surrogate escapes (os.fsdecode)",
        "fusepy decodes strictly",
    ),
    Difference(
        "XATTR_CREATE and XATTR_REPLACE",
        "the flags reach setxattr as its options",
        "pyfuse3 asks getxattr first, decides itself, and setxattr gets options 0",
        "pyfuse3 does not pass the flags on; the result is the same wherever getxattr works",
    ),
    Difference(
        "flush, access and getxattr that only a base class answers",
        "asked every time",
        "answered ENOSYS once, after which the kernel no longer asks; getxattr then fails with EOPNOTSUPP as before",
        "spares a request per close, access and write",
    ),
    Difference(
        "fuse_get_context in read, write, flush, fsync, release and readdir",
        "the process that makes the call",
        "the process that opened the file",
        "pyfuse3 gives no context to these requests",
    ),
    Difference(
        "ioctl, bmap, lock",
        "reach the class",
        "never reach the class: ioctl fails with ENOTTY, locks are local to the mount",
        "pyfuse3 has no such requests",
    ),
    Difference(
        "write size",
        "4 KiB a request unless big_writes is given",
        "up to 1 MiB a request",
        "a default of libfuse2 that libfuse3 dropped",
    ),
    Difference(
        "attributes while reading with attr_timeout 0",
        "not asked again",
        "asked before every read (AUTO_INVAL_DATA)",
        "libfuse3 negotiates it and pyfuse3 cannot turn it off; attr_timeout of 0.05 s or direct_io avoids it",
    ),
    Difference(
        "reads with O_DIRECT",
        "as many at once as there are callers",
        "12 at once, more only where /sys/fs/fuse/connections/*/max_background is raised",
        "libfuse3 has the kernel do them asynchronously (ASYNC_DIO) and pyfuse3 cannot turn it off; reads through the "
        "page cache are asynchronous, 12 at once, on both",
    ),
    Difference(
        "the end of a daemon whose operation hangs",
        "after TERM it never ends by itself: libfuse2 waits for the operation",
        "after TERM it ends 5 s later, whatever operation still runs; for init and destroy it waits as fusepy does",
        "a service manager must be able to stop a service; until then the operation has had its time",
    ),
    Difference(
        "several mounts in one process",
        "each is served by the thread that called mount",
        "the second is refused with a MountError while the first is served",
        "pyfuse3 keeps its one session in a global; a process of its own for each mount does on every backend",
    ),
)

_LINKED = {"links", "size", "hash", "mode", "owner", "attributes"}


def accepted(a: Any, b: Any, plain: Any, was_linked: bool = False) -> Difference | None:
    """Tell which known difference explains two unequal descriptions of one path, given that of a plain directory.

    Only what a plain directory confirms on one side is accepted. ``was_linked`` says that the file had two names once:
    libfuse2 then holds two caches of it, also when one of the names is gone.
    """
    if not (isinstance(a, dict) and isinstance(b, dict) and isinstance(plain, dict)) or plain not in (a, b):
        return None
    keys = {key for key in a.keys() | b.keys() if a.get(key) != b.get(key)}
    linked = was_linked or max(each.get("links", 1) for each in (a, b, plain)) > 1
    if keys == {"links"} or (linked and keys <= _LINKED):
        return HARD_LINKS
    return None


def as_markdown() -> str:
    """Write the table as the page docs/differences.md."""
    lines = ["# Where the backends differ", "", "Generated by `python -m dualfuse.differences`; do not edit.", ""]
    for difference in KNOWN:
        lines += [
            f"## {difference.name}",
            "",
            f"- fusepy: {difference.fusepy}.",
            f"- pyfuse3: {difference.pyfuse3}.",
            f"- Accepted because: {difference.reason}.",
            "",
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(as_markdown())
