"""Does the project mount with options that libfuse3 removed, or that pyfuse3 refuses?"""

from __future__ import annotations

import re
from pathlib import Path

from checks import mistakes
from checks.check import Check, Context, Finding
from checks.edits import Edit
from checks.mistakes import Mistake

#: What becomes of each with libfuse3; docs/dualfuse.md has the options that dualfuse translates.
REMOVED = {
    "nonempty": "libfuse3 always mounts over what is there",
    "big_writes": "it is always on",
    "use_ino": "pyfuse3 numbers its inodes itself",
    "readdir_ino": "pyfuse3 numbers its inodes itself",
    "large_read": "it is always on",
    "atomic_o_trunc": "O_TRUNC comes to open",
    "intr": "Python cannot interrupt an operation",
    "nopath": "a path is always given",
    "blkdev": "pyfuse3 serves no block devices",
    "subdir": "wrap the Operations object instead",
}
_FILES = r"^(.*\.(py|sh|bash|env|conf|cfg|toml|ya?ml|service|mount)|Dockerfile.*|fstab)$"


def _mistake(option: str, instead: str) -> Mistake:
    listed = rf"(?:-o[ =]?[\"']?|(?:OPTIONS|OPTS)[\"']?\s*[:=]\s*[\"']?)(?:[\w=./-]+,)*{option}\b(?!=|\w)"
    called = rf"\bFUSE\((?:[^()]|\([^()]*\))*?\b{option}\s*=\s*\w+"
    return Mistake(
        _FILES,
        f"{listed}|{called}",
        f"has the mount option {option}, which pyfuse3 refuses",
        instead,
        correction=lambda match: _without(match[0], option),
    )


def _without(written: str, option: str) -> str:
    """Return an option list or a call without an option; a list that had no other loses its flag too."""
    if re.search(r"\bFUSE\(", written):
        return re.sub(rf",\s*{option}\s*=\s*\w+$", "", written)
    if written.endswith(f",{option}"):
        return written[: -len(option) - 1]
    return written[: -len(option)]


MISTAKES = tuple(_mistake(option, instead) for option, instead in REMOVED.items())


def mount_options(context: Context) -> Finding | None:
    """Read where the project mounts, and where its configuration lists options."""
    why = "fuse_session_new() fails on them, and the canary never starts."
    return mistakes.judge(context, "project.mount-options", MISTAKES, why, "take them out")


def repairs(project: Path) -> tuple[Edit, ...]:
    """Return what would take them out."""
    return mistakes.repairs(project, MISTAKES)


CHECKS = (
    Check(
        "project.mount-options",
        "Does the project mount with options that are gone?",
        "project",
        mount_options,
        fine="no removed mount option is used",
        repairs=repairs,
    ),
)
