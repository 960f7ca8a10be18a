"""The two ways a client reaches the service's files: HTTP through the router, and the stable mount path.

Neither retries anything. What goes wrong is raised: `OSError`, `http.client.HTTPException`, or `WrongAnswerError`.
"""

from __future__ import annotations

import http.client
import json
import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit


class WrongAnswerError(Exception):
    """The service answered, and the answer is not what it must be."""


class Router:
    """Files over HTTP, on one connection that is kept; every request is another client's."""

    def __init__(
        self, url: str, client_ids: Sequence[str], chance: random.Random, timeout: float, token: str = ""
    ) -> None:
        self._host = urlsplit(url).netloc
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._ids = client_ids
        self._chance = chance
        self._timeout = timeout
        self._connection: http.client.HTTPConnection | None = None

    def _ask(self, method: str, path: str, body: bytes | None = None, **more: str) -> tuple[int, bytes]:
        connection = self._connection or http.client.HTTPConnection(self._host, timeout=self._timeout)
        self._connection = None  # kept only if all goes well: half an answer must not meet the next request
        headers = {"X-Client-Id": self._chance.choice(self._ids), **self._headers, **more}
        try:
            connection.request(method, quote(path), body=body, headers=headers)
            answer = connection.getresponse()
            content = answer.read()
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return answer.status, content

    def put(self, path: str, content: bytes) -> None:
        """Write a whole file."""
        status, answer = self._ask("PUT", f"/files/{path}", content)
        _expect({200, 201, 204}, status, answer)

    def get(self, path: str) -> bytes | None:
        """Return a file's content, or None where the service says that there is none."""
        status, answer = self._ask("GET", f"/files/{path}")
        _expect({200, 404}, status, answer)
        return answer if status == 200 else None

    def delete(self, path: str) -> None:
        """Delete a file."""
        status, answer = self._ask("DELETE", f"/files/{path}")
        _expect({200, 204}, status, answer)

    def names(self, path: str) -> set[str]:
        """Return the names in a folder."""
        status, answer = self._ask("GET", f"/list/{path}")
        _expect({200}, status, answer)
        return set(json.loads(answer))

    def past(self, instant: str, path: str) -> bytes:
        """Return a file's content as it was."""
        status, answer = self._ask("GET", f"/history/{instant}/files/{path}")
        _expect({200}, status, answer)
        return answer

    def annotations(self, path: str) -> list[dict[str, Any]]:
        """Return what was noted on a file."""
        status, answer = self._ask("GET", f"/shadows/{path}")
        _expect({200}, status, answer)
        notes: list[dict[str, Any]] = json.loads(answer)["annotations"]
        return notes

    def packaged(self, path: str) -> bytes:
        """Return the content of a package's file."""
        status, answer = self._ask("GET", f"/context/files/{path}")
        _expect({200}, status, answer)
        return answer

    def append(self, stream: str, record: bytes) -> None:
        """Append to a stream."""
        status, answer = self._ask("POST", f"/streams/{stream}", record)
        _expect({201, 204}, status, answer)

    def tail(self, stream: str, size: int) -> bytes:
        """Return the last bytes of a stream."""
        status, answer = self._ask("GET", f"/streams/{stream}", Range=f"bytes=-{size}")
        _expect({206}, status, answer)
        return answer

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()


def _expect(good: set[int], status: int, answer: bytes) -> None:
    if status not in good:
        raise WrongAnswerError(f"HTTP status {status}: {answer[:200].decode(errors='replace')}")


class Mount:
    """Files of one section through the stable mount path, by nothing but system calls."""

    def __init__(self, live: Path, section: str = "current") -> None:
        self._root = live / section

    def at(self, path: str) -> Path:
        """Return where a path is."""
        return self._root / path

    def make_folder(self, path: str) -> None:
        """Make a folder, and those above it."""
        self.at(path).mkdir(parents=True, exist_ok=True)

    def write(self, path: str, content: bytes, flags: int) -> None:
        """Open, write, fsync and close; `flags` say whether to create, replace or append."""
        descriptor = os.open(self.at(path), os.O_WRONLY | flags, 0o644)
        try:
            write_all(descriptor, content)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def read(self, path: str) -> bytes | None:
        """Return a file's content, or None where there is none."""
        try:
            descriptor = os.open(self.at(path), os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            return read_all(descriptor)
        finally:
            os.close(descriptor)

    def tail(self, path: str, size: int) -> bytes:
        """Return the last bytes of a file, as many as there are."""
        descriptor = os.open(self.at(path), os.O_RDONLY)
        try:
            os.lseek(descriptor, max(0, os.fstat(descriptor).st_size - size), os.SEEK_SET)
            return read_all(descriptor)
        finally:
            os.close(descriptor)

    def size(self, path: str) -> int:
        """Return a file's size as its attributes tell it."""
        return self.at(path).stat().st_size

    def rename(self, folder: str, old: str, new: str) -> None:
        """Rename within a folder, by a handle of that folder.

        By two paths, each would be looked up on its own, and a swap between the two lookups is a rename between two
        mounts (EXDEV), which is the kernel's answer to any client and says nothing about the service.
        """
        handle = os.open(self.at(folder), os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.rename(old, new, src_dir_fd=handle, dst_dir_fd=handle)
        finally:
            os.close(handle)

    def unlink(self, path: str) -> None:
        """Delete a file."""
        self.at(path).unlink()

    def names(self, path: str) -> set[str]:
        """Return the names in a folder."""
        return listing(self.at(path))


def write_all(descriptor: int, content: bytes) -> None:
    """Write everything, also where one call takes only a part."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def read_all(descriptor: int) -> bytes:
    """Read to the end of the file."""
    parts = []
    while part := os.read(descriptor, 1 << 17):
        parts.append(part)
    return b"".join(parts)


def listing(folder: Path | int) -> set[str]:
    """Return the names in a folder, given by its path or by an open handle of it."""
    with os.scandir(folder) as entries:
        return {entry.name for entry in entries}
