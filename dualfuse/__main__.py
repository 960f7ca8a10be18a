"""``python -m dualfuse mount PACKAGE.MODULE:CLASS MOUNTPOINT``: serve a file system in the foreground."""

from __future__ import annotations

import argparse
import gc
import importlib
import logging
import sys
from typing import Any

from dualfuse.backend import BACKENDS, get_backend, mount
from dualfuse.errors import LoopError, MountError
from dualfuse.options import parse


def build(specification: str, arguments: list[str]) -> object:
    """Import PACKAGE.MODULE:CLASS and call it with k=v arguments (as strings), or give the object it names."""
    module, colon, name = specification.partition(":")
    if not colon:
        raise MountError(f"{specification!r} does not name a class", remedy="write PACKAGE.MODULE:CLASS")
    try:
        target = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise MountError(f"cannot load {specification}: {error}", remedy="check the name and PYTHONPATH") from error
    keywords: dict[str, Any] = dict(argument.split("=", 1) for argument in arguments)
    return target(**keywords) if isinstance(target, type) or keywords else target


def _settle(backend: str) -> None:
    """Load the library that will serve, and let the garbage collector pass by all that is there so far.

    It lives as long as the process does. Searching it for garbage took four fifths of the time from the unmount to the
    end of the process, and a part of the start. The file system itself is built afterwards, so that its objects end as
    they always do.
    """
    gc.disable()
    get_backend(backend).unavailable()
    gc.freeze()
    gc.enable()


def _formatter(prog: str) -> argparse.HelpFormatter:
    """Format help; with its width given, argparse does not load shutil and three compression libraries to find it."""
    return argparse.HelpFormatter(prog, width=100)


def main(argv: list[str] | None = None) -> int:
    """Run the command; the exit code is 0 after a clean unmount and 1 when nothing could be mounted."""
    parser = argparse.ArgumentParser(prog="python -m dualfuse", description=__doc__, formatter_class=_formatter)
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser(
        "mount", help="mount a file system and serve it in the foreground", formatter_class=_formatter
    )
    serve.add_argument("operations", metavar="PACKAGE.MODULE:CLASS")
    serve.add_argument("mountpoint")
    serve.add_argument("--backend", choices=list(BACKENDS), default="pyfuse3")
    serve.add_argument("--fallback", choices=list(BACKENDS), help="used when the backend cannot mount")
    serve.add_argument("--arg", action="append", default=[], metavar="K=V", help="a keyword argument of the class")
    serve.add_argument("-o", dest="options", action="append", default=[], metavar="OPT,…", help="mount options")
    serve.add_argument("--stand-in", action="store_true", help="classes that import fuse get dualfuse.standin")
    serve.add_argument("--verbose", action="store_true")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.DEBUG if arguments.verbose else logging.INFO, format="%(levelname)s %(message)s")
    backends = [arguments.backend, *([arguments.fallback] if arguments.fallback else [])]
    if arguments.stand_in:
        from dualfuse.standin import install

        install()
    _settle(arguments.backend)
    try:
        operations = build(arguments.operations, arguments.arg)
        options = parse(",".join(arguments.options))
    except (MountError, ValueError) as error:
        return _refuse(error)
    failure: MountError | None = None
    for backend in backends:
        try:
            mount(operations, arguments.mountpoint, backend, **{**options, "ends_process": True})
        except LoopError as error:  # it was mounted; whoever has unmounted it meanwhile would not expect another mount
            return _refuse(error)
        except MountError as error:
            failure = error
            logging.error("%s cannot serve %s: %s", backend, arguments.mountpoint, error)
        else:
            return 0
    return _refuse(failure) if failure is not None else 1


def _refuse(error: Exception) -> int:
    print(f"error: {error}", file=sys.stderr)  # noqa: T201
    remedy = getattr(error, "remedy", "")
    if remedy:
        print(f"hint: {remedy}", file=sys.stderr)  # noqa: T201
    return 1


if __name__ == "__main__":
    sys.exit(main())
