"""Connect to a Unix socket however long its path is."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def listening(path: Path) -> bool:
    """Return whether somebody listens on the Unix socket at `path`."""
    try:
        connect(path, 0.5).close()
    except OSError:
        return False
    return True


def connect(path: Path, timeout: float) -> socket.socket:
    """Return a stream socket connected to the Unix socket at `path`.

    The kernel takes at most 107 bytes of path, and state folders are longer than that in practice. The folder is opened
    and the socket named through `/proc/self/fd`, which is always short.

    Raises:
        OSError: Nobody listens there within `timeout` seconds.
    """
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            stream.settimeout(timeout)
            stream.connect(f"/proc/self/fd/{folder}/{path.name}")
        except BaseException:
            stream.close()
            raise
        return stream
    finally:
        os.close(folder)
