"""Sets pyfuse3 alone in .env and *.env files, lines of NAME=VALUE as compose and the Bridge read them."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from cleanup import names
from cleanup.repository import Tree

_FILES = re.compile(r"^(\.env(\..+)?|.*\.env)$")
_LINE = re.compile(
    r"(?P<head>\s*(?:export\s+)?(?P<name>\w+)\s*=\s*)(?P<quote>[\"']?)(?P<value>[^\"'#\n]*?)(?P=quote)(?P<tail>\s*(#.*)?)"
)


def edits(tree: Tree) -> dict[str, bytes | None]:
    """Return the new content of every such file that sets the old backend."""
    found: dict[str, bytes | None] = {}
    for path in tree.paths:
        if _FILES.match(PurePosixPath(path).name):
            before = tree.text(path)
            after = "".join(map(_set, before.splitlines(keepends=True)))
            if after != before:
                found[path] = after.encode(errors="surrogateescape")
    return found


def _set(line: str) -> str:
    bare = line.rstrip("\r\n")
    found = _LINE.fullmatch(bare)
    if found is None or not names.is_setting(found["name"]):
        return line
    value = names.new_value(found["name"], found["value"])
    return f"{found['head']}{found['quote']}{value}{found['quote']}{found['tail']}{line[len(bare) :]}"
