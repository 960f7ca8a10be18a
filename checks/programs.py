"""Are the programs there that the local target starts?"""

from __future__ import annotations

import shutil

from checks import remedies
from checks.check import Check, Context, Finding
from checks.disposable import ask

PATIENCE = 10.0  # seconds


def router(context: Context) -> Finding | None:
    """Ask haproxy for its version, as the router would be started."""
    if context.target.kind != "local":
        return None  # there the router comes in a container
    found = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/local/sbin:/usr/sbin:/sbin")
    why = "Without a router no client can be moved."
    if found is None:
        return Finding("haproxy is not installed", why, "install it", (remedies.install("haproxy"),))
    answer = ask([found, "-v"], PATIENCE)
    if answer.returncode != 0:
        said = (answer.stderr.strip().splitlines() or [f"exit code {answer.returncode}"])[-1]
        command = remedies.reinstall("haproxy")
        return Finding(f"{found} does not start: {said}", why, "install its package again", (command,))
    return None


CHECKS = (Check("host.haproxy", "Can the router be started?", "host", router, 15.0, "haproxy is there"),)
