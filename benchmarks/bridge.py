"""What the Bridge is measured by: `./dev bench bridge [PART …]`; the last line of stdout is one JSON object.

A part is a module of `benchmarks/bridge_parts/` with a function that measures and returns its keys; it narrates on
stderr.
All parts are run unless some are named, and their keys together are the answer. A part that is missing a criterion
says so itself, under `unmet`: a list of sentences. The exit status is 1 if there is one.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

Answer = dict[str, Any]  # the keys of a part; "unmet", if there, is a list of what is not as it must be

# Each is a module, imported only when its part runs, and in it the function of the same name that measures.
PARTS = ("opening", "requests", "switches", "kills", "hand_overs")


def measure(names: list[str]) -> Answer:
    """Run the named parts one after the other and return their keys together."""
    answer: Answer = {"load_average": os.getloadavg()[0]}
    unmet: list[str] = []
    for name in names or PARTS:
        sys.stderr.write(f"{name} …\n")
        began = time.monotonic()
        part: Callable[[], Answer] = getattr(importlib.import_module(f"benchmarks.bridge_parts.{name}"), name)
        found = part()
        unmet += found.pop("unmet", [])
        answer.update(found)
        sys.stderr.write(f"{name}: {time.monotonic() - began:.1f} s\n")
    return {**answer, "unmet": unmet}


def main() -> int:
    """Measure what is asked for and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bridge", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="PART")
    answer = measure(parser.parse_args().parts)
    sys.stdout.write(json.dumps(answer) + "\n")
    return 1 if answer["unmet"] else 0


if __name__ == "__main__":
    sys.exit(main())
