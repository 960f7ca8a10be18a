"""Which way of swapping the live mount does the kernel allow?"""

from __future__ import annotations

import os
import re

from checks import proc
from checks.check import Check, Context, Finding, Severity

BENEATH = (6, 5)  # the first kernel with MOVE_MOUNT_BENEATH


def judge(release: str, *, privileged: bool) -> Finding | None:
    """Return what a kernel release means for the swap; without privilege it is a symbolic link on every kernel."""
    numbers = re.match(r"(\d+)\.(\d+)", release)
    if numbers is None:
        return Finding(f"the kernel's version cannot be read: {release!r}", severity=Severity.UNKNOWN)
    if not privileged or (int(numbers[1]), int(numbers[2])) >= BENEATH:
        return None
    seen = f"kernel {release} is older than 6.5"
    why = "It has no MOVE_MOUNT_BENEATH: the live path is swapped by mounting over it, and old mounts stay below."
    return Finding(seen, why, "a newer kernel swaps without leaving anything below", severity=Severity.WARN)


def kernel(_context: Context) -> Finding | None:
    """Read the running kernel's release."""
    return judge(os.uname().release, privileged=proc.has_sys_admin())


CHECKS = (Check("host.kernel", "Can the kernel swap mounts atomically?", "host", kernel, fine="the kernel is fit"),)
