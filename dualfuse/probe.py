"""Can this backend mount here? Tried for real, with a small file system on a private directory.

``python -m dualfuse.probe --backend B [--directory DIR]`` prints {"backend", "ok", "seconds", "versions", "error",
"stderr", "remedy"} and exits 0 or 1; whatever happens, nothing stays mounted.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from dualfuse.backend import BACKENDS, get_backend
from dualfuse.daemon import Daemon
from dualfuse.errors import MountError
from dualfuse.heartbeat import beat

_CONTENT = b"lighthouse\n" * 500
_ATTRIBUTE = "user.lighthouse"


@dataclass(slots=True)
class Probe:
    """What was found out, in seconds from start to a clean unmount."""

    backend: str
    ok: bool = False
    seconds: float = 0.0
    versions: dict[str, str] = field(default_factory=dict)
    error: str | None = None
    stderr: str = ""
    remedy: str = ""


def probe(backend: str, directory: str | None = None) -> Probe:
    """Mount, use and unmount with a backend, below ``directory`` (default: the temporary directory)."""
    result = Probe(backend)
    start = time.monotonic()
    try:
        result.versions = get_backend(backend).versions()
        with tempfile.TemporaryDirectory(prefix="dualfuse-probe-", dir=directory) as place:
            _try(backend, place)
        result.ok = True
    except MountError as error:
        result.error, result.stderr, result.remedy = error.message, error.stderr, error.remedy
    except OSError as error:
        result.error = str(error)
    result.seconds = time.monotonic() - start
    return result


def _try(backend: str, place: str) -> None:
    daemon = Daemon("dualfuse.samples.memory:Memory", place, backend)
    with contextlib.ExitStack() as stack:
        stack.enter_context(daemon)
        file = Path(place, "file")
        file.write_bytes(_CONTENT)
        if file.read_bytes() != _CONTENT:
            raise MountError(f"{backend} reads back other bytes than were written")
        file.rename(Path(place, "renamed"))
        if [path.name for path in Path(place).iterdir()] != ["renamed"]:
            raise MountError(f"{backend} lists other names than were made")
        _unlink_while_open(backend, Path(place, "renamed"))
        answer = beat(place)
        if not answer.alive:
            raise MountError(f"{backend} stopped answering: {answer.error}")
        text = daemon.output()
        code = daemon.stop()
    if code != 0:
        raise MountError(f"{backend} ended with exit code {code} instead of a clean unmount", stderr=text)


def _unlink_while_open(backend: str, file: Path) -> None:
    """Give a file an attribute, remove it while it is open, and read it through what was opened before."""
    os.setxattr(file, _ATTRIBUTE, b"probe")
    if os.getxattr(file, _ATTRIBUTE) != b"probe":
        raise MountError(f"{backend} gives back another extended attribute than was set")
    with file.open("rb") as opened:
        file.unlink()
        if opened.read() != _CONTENT:
            raise MountError(f"{backend} loses a file that is removed while it is open")
    if file.exists():
        raise MountError(f"{backend} still has a file that was removed")


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m dualfuse.probe", description=__doc__)
    parser.add_argument("--backend", required=True, choices=list(BACKENDS))
    parser.add_argument("--directory", help="mount below this directory")
    arguments = parser.parse_args(argv)
    result = probe(arguments.backend, arguments.directory)
    print(json.dumps(asdict(result)))  # noqa: T201
    return 0 if result.ok else 1


if __name__ == "__main__":
    sys.exit(main())
