"""Modules of a project that go, and which imports lead to them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import PurePosixPath

import libcst as cst


@dataclass(frozen=True)
class Importing:
    """One file, and the modules that go, to be asked about the file's imports."""

    path: str  # of the file that imports
    removed: Collection[str]  # files and folders that go, from the project's top

    def going(self, node: cst.Import | cst.ImportFrom) -> list[int]:
        """Return which of a statement's names lead to modules that go."""
        if isinstance(node, cst.Import):
            return [i for i, alias in enumerate(node.names) if self._goes(dotted(alias.name), 0)]
        level, module = len(node.relative), dotted(node.module) if node.module is not None else ""
        if module and self._goes(module, level):
            return [0] if isinstance(node.names, cst.ImportStar) else list(range(len(node.names)))
        if isinstance(node.names, cst.ImportStar):
            return []
        joined = [f"{module}.{dotted(alias.name)}".lstrip(".") for alias in node.names]
        return [i for i, name in enumerate(joined) if (module or level) and self._goes(name, level)]

    def goes_whole(self, node: cst.Import | cst.ImportFrom) -> bool:
        """Return whether every name of a statement leads to a module that goes."""
        count = 1 if isinstance(node.names, cst.ImportStar) else len(node.names)
        return len(self.going(node)) == count

    def bound(self, node: cst.Import | cst.ImportFrom, going: Collection[int]) -> set[str]:
        """Return the names that a statement binds to what goes."""
        aliases = () if isinstance(node.names, cst.ImportStar) else node.names
        found = set()
        for i, alias in enumerate(aliases):
            if i in going:
                name = dotted(alias.asname.name) if alias.asname is not None else dotted(alias.name)
                found.add(name.split(".")[0])
        return found

    def spells(self, node: cst.SimpleString) -> bool:
        """Return whether a string is the name of a module that goes, alone or with what is in it."""
        value = node.evaluated_value
        if not isinstance(value, str) or not all(part.isidentifier() for part in value.replace(":", ".").split(".")):
            return False
        module = value.partition(":")[0]
        return "." in module and self._goes(module, 0)

    def _goes(self, module: str, level: int) -> bool:
        parts = module.split(".")
        if level:
            folder = PurePosixPath(self.path).parent
            for _ in range(level - 1):
                folder = folder.parent
            wanted = [*(p for p in folder.parts), *parts]
            return any(wanted[: len(gone)] == gone for gone in map(_parts, self.removed))
        for gone in map(_parts, self.removed):
            # an import's root may be any folder above the module: `src`, the project, …
            for root in range(len(gone)):
                tail = gone[root:]
                if parts[: len(tail)] == tail and (len(tail) > 1 or root == 0):
                    return True
        return False


def _parts(path: str) -> list[str]:
    return list(PurePosixPath(path).with_suffix("").parts if path.endswith(".py") else PurePosixPath(path).parts)


def dotted(node: cst.BaseExpression) -> str:
    """Return a dotted name as it is written."""
    if isinstance(node, cst.Attribute):
        return f"{dotted(node.value)}.{node.attr.value}"
    return node.value if isinstance(node, cst.Name) else ""
