"""Test an image: `test-image.py load` while it is built, `test-image.py mount` where it may mount.

The backends an image must have, and the only ones it may have, stand in /opt/lighthouse/backends.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from dualfuse.backend import BACKENDS, get_backend
from dualfuse.daemon import Daemon

PYTHON = (sys.executable, "-P", "-m")
FILE_SYSTEM = "dualfuse.samples.memory:Memory"
BUILT_FOR = Path("/opt/lighthouse/backends")


def main() -> int:
    """Run one of the tests; the exit status is 0 when nothing failed."""
    backends = BUILT_FOR.read_text(encoding="utf-8").split()
    if unknown := [backend for backend in backends if backend not in BACKENDS]:
        return _failed([f"BACKENDS names {', '.join(unknown)}; there are {', '.join(BACKENDS)}"])
    match sys.argv[1:]:
        case ["load"]:
            return _failed(_load(backends))
        case ["mount"]:
            return _failed(_mount(backends))
    return _failed(["usage: test-image.py load|mount"])


def _load(backends: list[str]) -> list[str]:
    wrong = []
    if importlib.util.find_spec("bridge.main_bridge") is None:
        wrong.append("there is no bridge.main_bridge in /app")
    for name in BACKENDS:
        backend = get_backend(name)
        reason = backend.unavailable()
        if name not in backends and reason is None:
            wrong.append(f"{name} is installed, and this image is built for {' and '.join(backends)} alone")
        elif name in backends and reason is not None:
            wrong.append(f"{name} cannot be loaded: {reason}")
        elif name in backends:
            sys.stdout.write(f"{name} loads: {backend.versions()}\n")
    return wrong


def _mount(backends: list[str]) -> list[str]:
    """Mount with each backend in turn and run every operation on it; each prints one line of JSON."""
    wrong = []
    for backend in backends:
        if subprocess.run([*PYTHON, "dualfuse.probe", "--backend", backend]).returncode:
            wrong.append(f"{backend} cannot mount here; the line above says why")
            continue
        with TemporaryDirectory() as place, Daemon(FILE_SYSTEM, place, backend):
            if subprocess.run([*PYTHON, "dualfuse.functional", place]).returncode:
                wrong.append(f"{backend} mounts, and not every operation works; the line above names them")
    return wrong


def _failed(reasons: list[str]) -> int:
    sys.stderr.writelines(f"test-image: {reason}\n" for reason in reasons)
    return 1 if reasons else 0


if __name__ == "__main__":
    sys.exit(main())
