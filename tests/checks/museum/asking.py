"""Asks checks in the world it is started in, and writes down what they found and the commands that repair it."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

from checks.check import Finding
from checks.runner import run
from tests.checks.places import HostTarget, context_in, place_with


def main() -> None:
    """`DESK WHEN [ID]…`: write DESK/WHEN.json, and before the repair also the commands and a script of them."""
    desk, when, ids = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
    order = json.loads((desk / "order.json").read_text())
    folder = Path(order["folder"])
    context = context_in(folder, HostTarget(kind=order["kind"]), place=place_with(folder, order["ports"]))
    results = [r for r in run(ids or order["ids"], context) if r.finding]
    found = {r.check.id: r.finding for r in results if r.finding}
    (desk / f"{when}.json").write_text(json.dumps({name: _told(f) for name, f in found.items()}))
    if when == "before":
        (desk / "seconds.json").write_text(json.dumps({r.check.id: r.seconds for r in results}))
        commands = found[order["finds"]].commands if order["finds"] in found else ()
        (desk / "commands").write_text("\n".join(commands))
        (desk / "repair.sh").write_text("\n".join(_as_typed(c, order["user"]) for c in commands))


def _told(finding: Finding) -> str:
    return f"{finding.seen} ({finding.severity})"


def _as_typed(command: str, user: str) -> str:
    """Return a command as it is run in the world's root shell: whatever is not `sudo …` is run by who asked."""
    return command if command.startswith("sudo ") or not user else f"{user} sh -c {shlex.quote(command)}"


if __name__ == "__main__":
    main()
