"""Does every operation work on this mounted directory? ``python -m dualfuse.functional DIRECTORY``.

Prints {"ok", "passed", "failed": [{"name", "error"}], "skipped": [names], "seconds"}; exits 0 when nothing failed.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from dualfuse.exercise import CASES

NOT_SUPPORTED = frozenset({errno.ENOSYS, errno.ENOTSUP, errno.EROFS, errno.EPERM})


@dataclass(slots=True)
class Report:
    """The outcome of all cases on one directory."""

    ok: bool = True
    passed: int = 0
    failed: list[dict[str, str]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    seconds: float = 0.0


def run(directory: str | Path, cases: tuple[Callable[[Path], None], ...] = CASES) -> Report:
    """Run all cases below a directory, each in a new directory that is removed afterwards."""
    report = Report()
    start = time.monotonic()
    for case in cases:
        place: Path | None = None
        try:
            place = Path(tempfile.mkdtemp(prefix=f"functional-{case.__name__}-", dir=directory))
            case(place)
            report.passed += 1
        except OSError as error:
            # the directory itself must be possible, so its refusal is a failure and not a missing feature
            if place is not None and error.errno in NOT_SUPPORTED:
                report.skipped.append(case.__name__)
            else:
                report.failed.append({"name": case.__name__, "error": f"{type(error).__name__}: {error}"})
        except Exception as error:  # noqa: BLE001 - a case that crashes is itself a finding
            report.failed.append({"name": case.__name__, "error": f"{type(error).__name__}: {error}"})
        finally:
            if place is not None:
                shutil.rmtree(place, ignore_errors=True)
    if not report.passed and not report.failed:
        report.failed.append({"name": "all", "error": "the file system supports nothing that could be tested"})
    report.ok = not report.failed
    report.seconds = time.monotonic() - start
    return report


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m dualfuse.functional", description=__doc__)
    parser.add_argument("directory")
    arguments = parser.parse_args(argv)
    os.umask(0o022)
    report = run(arguments.directory)
    print(json.dumps(asdict(report)))  # noqa: T201
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
