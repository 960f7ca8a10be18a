"""Takes the old backend out of shell scripts and Makefiles: what they install, and the backend they begin with.

The shell itself proves an edit: a script that it could read before and cannot read afterwards stays as it was.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import PurePosixPath

from cleanup import names, shell, source_tree
from cleanup.repository import Tree

_MAKEFILES = frozenset({"Makefile", "makefile", "GNUmakefile"})
_SHEBANG = re.compile(r"#!\s*\S*?(?:/env\s+(?:-S\s+)?)?(?:/|\b)(?P<shell>sh|bash|dash|ash)\b")


def edits(tree: Tree) -> dict[str, bytes | None]:
    """Return the new content of every script and Makefile that installs or sets the old backend."""
    present = frozenset(PurePosixPath(path).name for path in tree.paths)
    found: dict[str, bytes | None] = {}
    for path in tree.paths:
        before = tree.text(path)
        if not names.speaks(before) or source_tree.folder_of(path) is not None:
            continue  # the folders of the migration go as a whole
        if PurePosixPath(path).name in _MAKEFILES:
            after = "".join(_recipe(line) for line in _logical(before))
        elif path.endswith(".sh") or _SHEBANG.match(before):
            after = shell.without_old_backend(before, present=present, settings=True)
            after = after if _reads(after) or not _reads(before) else before
        else:
            continue
        if after != before:
            found[path] = after.encode(errors="surrogateescape")
    return found


def _recipe(line: str) -> str:
    """Return a recipe's line of a Makefile; one that has nothing left to do goes."""
    if not line.startswith("\t"):
        return line
    body = line[1:].rstrip("\n")
    after = shell.without_old_backend(body)
    if after == body:
        return line
    return f"\t{after}{line[1 + len(body) :]}" if after.strip() else ""


def _logical(text: str) -> list[str]:
    return re.findall(r"(?:[^\n]*\\\n)*[^\n]*\n|[^\n]+\Z", text)


def _reads(script: str) -> bool:
    """Ask a shell whether it understands a script, without running it."""
    program = shutil.which("bash") or "sh"
    return (
        subprocess.run([program, "-n"], input=script.encode(errors="surrogateescape"), capture_output=True).returncode
        == 0
    )
