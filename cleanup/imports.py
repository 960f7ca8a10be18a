"""Finds Python code that still imports the old backend; what to do about it is for a person to say.

Found by parsing, because the word `fuse` in a comment or a string is no import. A class that says
`from fuse import Operations` may go on to do so on pyfuse3 with a stand-in module, so nothing here is edited.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from cleanup import names
from cleanup.repository import Tree


@dataclass(frozen=True, slots=True)
class Import:
    """One import of the old backend."""

    path: str
    line: int
    text: str  # "from fuse import FUSE, Operations"


def leftovers(tree: Tree) -> tuple[Import, ...]:
    """Return the imports of `fuse` and of a `fusepy` module in every Python file, and the files that do not parse."""
    return tuple(found for path in tree.paths if path.endswith(".py") for found in _of(path, tree.text(path)))


def _of(path: str, text: str) -> Iterator[Import]:
    try:
        parsed = ast.parse(text.encode(errors="surrogateescape"))
    except (SyntaxError, ValueError) as error:
        if names.MENTION.search(text) or "import fuse" in text or "from fuse" in text:
            yield Import(path, getattr(error, "lineno", None) or 1, f"cannot be parsed: {error}")
        return
    for node in ast.walk(parsed):
        if isinstance(node, ast.Import):
            old = any(_old(alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            absolute = node.level == 0 and _old(node.module or "")
            old = absolute or _ends_old(node.module or "") or any(_ends_old(alias.name) for alias in node.names)
        elif isinstance(node, ast.Call):
            old = _imports_by_name(node)
        else:
            continue
        if old:
            yield Import(path, node.lineno, ast.unparse(node))


def _old(module: str) -> bool:
    return module.split(".")[0] in names.MODULES or _ends_old(module)


def _ends_old(module: str) -> bool:
    """Whether a dotted name leads through the old backend's own package, as in `lighthouse.fuse.backends.fusepy`."""
    return "fusepy" in module.split(".")


def _imports_by_name(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    first = call.args[0] if call.args else None
    return name in ("import_module", "__import__") and isinstance(first, ast.Constant) and _old(str(first.value))
