"""Asks one check in the world it is started in, repairs what it found if told so, asks again, and prints both as JSON.

It is started by `worlds.py` inside namespaces, as another user or without a capability.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from checks.runner import run
from tests.checks.places import HostTarget, context_in


def main() -> None:
    """Print a list of findings: the first, and with --repair the one after its commands were run."""
    check, folder, repair = sys.argv[1], Path(sys.argv[2]), "--repair" in sys.argv
    context = context_in(folder, HostTarget())
    (first,) = run([check], context)
    answers = [asdict(first.finding) if first.finding else None]
    if repair and first.finding:
        for command in first.finding.commands:
            subprocess.run(command, shell=True, check=True, stdout=subprocess.DEVNULL)
        (again,) = run([check], context)
        answers.append(asdict(again.finding) if again.finding else None)
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
