"""libfuse's own passthrough in C, from Debian's libfuse3-dev: how far a file system in Python is from the limit.

``python -m dualfuse.benchmark.passthrough PROGRAM`` takes the words of ``python -m dualfuse mount`` for the loopback
class and becomes that program. ``build`` makes it from the source that Debian installs with the documentation.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
from pathlib import Path

from dualfuse.options import parse

SOURCE = Path("/usr/share/doc/libfuse3-dev/examples/passthrough_ll.c")


class UnavailableError(Exception):
    """The program cannot be made here; the text says what is missing."""


def build(folder: Path, source: Path = SOURCE) -> Path:
    """Compile the program into a folder. Raises UnavailableError."""
    if not source.is_file():
        raise UnavailableError(f"{source} is not there: install Debian's libfuse3-dev, with its documentation")
    compiler, config = shutil.which("gcc"), shutil.which("pkg-config")
    if compiler is None or config is None:
        raise UnavailableError("gcc and pkg-config are needed to compile libfuse's passthrough")
    flags = subprocess.run([config, "--cflags", "--libs", "fuse3"], capture_output=True, text=True, check=False)
    program = folder / "passthrough_ll"
    command = [compiler, "-O2", str(source), *flags.stdout.split(), "-o", str(program)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if flags.returncode or made.returncode:
        raise UnavailableError(f"libfuse's passthrough does not compile: {(flags.stderr + made.stderr).strip():.300}")
    return program


def main(argv: list[str] | None = None) -> None:
    """Become the C program, serving the directory of ``--arg root=``."""
    parser = argparse.ArgumentParser(prog="python -m dualfuse.benchmark.passthrough")
    parser.add_argument("program")
    parser.add_argument("operations")
    parser.add_argument("mountpoint")
    parser.add_argument("--backend")
    parser.add_argument("--arg", action="append", default=[])
    parser.add_argument("-o", dest="options", action="append", default=[])
    chosen = parser.parse_args(argv)
    root = dict(each.split("=", 1) for each in chosen.arg)["root"]
    given = parse(",".join(chosen.options))
    timeout = given.get("attr_timeout", 1)  # it has one for both
    options = f"source={root},timeout={timeout},cache={'always' if given.get('kernel_cache') else 'auto'}"
    os.execv(chosen.program, [chosen.program, "-f", "-o", options, chosen.mountpoint])


if __name__ == "__main__":
    main()
