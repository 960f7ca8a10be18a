"""fusepy as it is, without dualfuse in between: the baseline that shows what dualfuse itself costs."""

from __future__ import annotations

import argparse
import importlib
import sys

from dualfuse.options import parse


def main() -> int:
    """Mount PACKAGE.MODULE:CLASS in the foreground with fusepy's own FUSE class."""
    parser = argparse.ArgumentParser(prog="python -m dualfuse.benchmark.stock", description=__doc__)
    parser.add_argument("operations")
    parser.add_argument("mountpoint")
    parser.add_argument("--backend")
    parser.add_argument("--arg", action="append", default=[])
    parser.add_argument("-o", dest="options", action="append", default=[])
    arguments = parser.parse_args()
    import fuse

    module, _, name = arguments.operations.partition(":")
    operations = getattr(importlib.import_module(module), name)(**dict(each.split("=", 1) for each in arguments.arg))
    fuse.FUSE(operations, arguments.mountpoint, foreground=True, **parse(",".join(arguments.options)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
