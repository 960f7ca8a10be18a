"""Takes the old backend out of Python code: requirements in setup.py, and imports of modules that go.

libcst says where things stand; the edit is made by place, and the result must parse. An import goes only with all that
hangs on it: entries of tables and of `__all__`, and the `try` that guarded it. Where its name is used for anything else
the code still stands on the module, and nothing is edited.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from cleanup import names
from cleanup.cutting import Span, without_element
from cleanup.modules import Importing
from cleanup.repository import Tree
from cleanup.shell import is_old_requirement

_LISTS = (cst.List, cst.Tuple, cst.Set, cst.Dict)


class StillUsedError(Exception):
    """Code stands on a module that was to go; the message says where."""


@dataclass(frozen=True)
class _Source:
    """A parsed file with places."""

    text: str

    @cached_property
    def wrapper(self) -> MetadataWrapper:
        return MetadataWrapper(cst.parse_module(self.text))

    @cached_property
    def places(self) -> dict[cst.CSTNode, Span]:
        starts = [0]
        for line in re.findall(r"[^\n]*\n|[^\n]+", self.text):
            starts.append(starts[-1] + len(line))
        found = self.wrapper.resolve(PositionProvider)
        return {
            node: Span(starts[p.start.line - 1] + p.start.column, starts[p.end.line - 1] + p.end.column)
            for node, p in found.items()
            if p.end.line <= len(starts)
        }

    def nodes(self, root: cst.CSTNode | None = None) -> Iterator[cst.CSTNode]:
        todo: list[cst.CSTNode] = [self.wrapper.module if root is None else root]
        while todo:
            node = todo.pop()
            yield node
            todo += reversed(node.children)

    def line(self, node: cst.CSTNode) -> int:
        return self.text.count("\n", 0, self.places[node].start) + 1

    def without(self, owner: cst.List | cst.Tuple | cst.Set | cst.Dict, i: int) -> str:
        spans = [self._element(element) for element in owner.elements]
        return without_element(self.text, spans, i, comment="#", comma_at_end=True)

    def _element(self, element: cst.BaseElement | cst.BaseDictElement) -> Span:
        first = element.key if isinstance(element, cst.DictElement) else element.value
        return Span(self.places[first].start, self.places[element.value].end)


def edits(tree: Tree) -> dict[str, bytes | None]:
    """Return the new content of every setup.py that requires the old backend."""
    found: dict[str, bytes | None] = {}
    for path in tree.paths:
        if PurePosixPath(path).name == "setup.py" and names.MENTION.search(before := tree.text(path)):
            after = without_requirements(before)
            if after != before:
                found[path] = after.encode(errors="surrogateescape")
    return found


def parses(text: str) -> bool:
    """Return whether a text is Python."""
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return True


def without_requirements(text: str) -> str:
    """Return a setup.py whose lists of requirements no longer name the old backend."""
    if not parses(text):
        return text
    while True:
        source = _Source(text)
        after = next((source.without(owner, i) for owner, i in _old_requirements(source)), None)
        if after is None or not parses(after):
            return text
        text = after


def _old_requirements(source: _Source) -> Iterator[tuple[cst.List | cst.Tuple | cst.Set | cst.Dict, int]]:
    for owner in source.nodes():
        if isinstance(owner, cst.Dict):
            for i, entry in enumerate(owner.elements):
                key = entry.key if isinstance(entry, cst.DictElement) else None
                items = entry.value.elements if isinstance(entry.value, cst.List | cst.Tuple) else ()
                old = items and all(_is_old(item.value) for item in items)
                if old and isinstance(key, cst.SimpleString) and names.of_old_alone(str(key.evaluated_value)):
                    yield owner, i
        elif isinstance(owner, cst.List | cst.Tuple | cst.Set):
            yield from ((owner, i) for i, element in enumerate(owner.elements) if _is_old(element.value))


def _is_old(value: cst.BaseExpression) -> bool:
    return isinstance(value, cst.SimpleString) and is_old_requirement(str(value.evaluated_value))


def without_imports(text: str, importing: Importing) -> str:
    """Return code that no longer imports modules that go.

    Raises:
        StillUsedError: It stands on one of them.
    """
    while True:
        source = _Source(text)
        after = _one_step(source, importing)
        if after is None:
            return text
        if not parses(after):
            raise StillUsedError("it is used in a way that cannot be cut out")
        text = after


def _one_step(source: _Source, importing: Importing) -> str | None:
    """Return the text with one thing less: first what hangs on an import, then the import; None when all is done."""
    bound: set[str] = set()
    statements: list[tuple[cst.Import | cst.ImportFrom, list[int]]] = []
    for node in source.nodes():
        if isinstance(node, cst.Import | cst.ImportFrom):
            going = importing.going(node)
            if going:
                statements.append((node, going))
                bound |= importing.bound(node, going)
    spelled = [node for node in source.nodes() if isinstance(node, cst.SimpleString) and importing.spells(node)]
    if not statements and not spelled:
        return None
    inside = {child for node, _ in statements for child in source.nodes(node)}
    guards = [
        guard for node in source.nodes() if isinstance(node, cst.Try) and (guard := node) and _guards(node, importing)
    ]
    inside |= {child for guard in guards for child in source.nodes(guard)}
    owners: dict[cst.CSTNode, tuple[cst.List | cst.Tuple | cst.Set | cst.Dict, int]] = {
        part: (owner, i)
        for owner in source.nodes()
        if isinstance(owner, _LISTS)
        for i, element in enumerate(owner.elements)
        for part in (element.value, *([element.key] if isinstance(element, cst.DictElement) else []))
    }
    exported = {node for node in source.nodes() if isinstance(node, cst.SimpleString) and node.evaluated_value in bound}
    for node in source.nodes():
        named = isinstance(node, cst.Name) and node.value in bound and not _is_attribute(source, node)
        if node in inside or not (named or node in spelled or (node in exported and _in_all(source, node))):
            continue
        if node not in owners:
            raise StillUsedError(str(source.line(node)))
        return source.without(*owners[node])
    if guards:
        return _without_lines(source, guards[0])
    node, going = statements[0]
    return _without_names(source, node, going)


def _is_attribute(source: _Source, name: cst.Name) -> bool:
    """Whether a name is another thing's attribute or a keyword, and so no use of what was imported."""
    before = source.text[: source.places[name].start].rstrip()
    after = source.text[source.places[name].end :].lstrip(" ")
    return before.endswith(".") or (after.startswith("=") and not after.startswith("==") and before[-1:] in "(,")


def _in_all(source: _Source, node: cst.CSTNode) -> bool:
    """Whether a string stands in the list that is given to `__all__`."""
    for statement in source.nodes():
        if isinstance(statement, cst.Assign) and any(
            isinstance(t.target, cst.Name) and t.target.value == "__all__" for t in statement.targets
        ):
            return node in set(source.nodes(statement.value))
    return False


def _guards(node: cst.Try, importing: Importing) -> bool:
    """Whether a `try` does nothing but import modules that go, and sets their names where that fails."""
    for line in node.body.body:
        parts = line.body if isinstance(line, cst.SimpleStatementLine) else ()
        whole = (isinstance(p, cst.Import | cst.ImportFrom) and importing.goes_whole(p) for p in parts)
        if not parts or not all(whole):
            return False
    if node.orelse is not None or node.finalbody is not None:
        return False
    for handler in node.handlers:
        for line in handler.body.body:
            parts = line.body if isinstance(line, cst.SimpleStatementLine) else ()
            if not parts or not all(isinstance(part, cst.Pass | cst.Assign) for part in parts):
                return False
    return True


def _without_lines(source: _Source, node: cst.CSTNode) -> str:
    """Return the text without the lines of a statement that has its lines for itself."""
    span, text = source.places[node], source.text
    start = text.rfind("\n", 0, span.start) + 1
    end = text.find("\n", span.end)
    rest = text[span.end : end if end >= 0 else len(text)].strip()
    if text[start : span.start].strip() or (rest and not rest.startswith("#")):
        raise StillUsedError(str(source.line(node)))
    return text[:start] + (text[end + 1 :] if end >= 0 else "")


def _without_names(source: _Source, node: cst.Import | cst.ImportFrom, going: list[int]) -> str:
    aliases = [] if isinstance(node.names, cst.ImportStar) else list(node.names)
    if len(going) >= len(aliases):
        return _without_lines(source, node)
    spans = [Span(source.places[a.name].start, source.places[a.asname or a.name].end) for a in aliases]
    parenthesised = isinstance(node, cst.ImportFrom) and node.lpar is not None
    return without_element(source.text, spans, going[0], comment="#", comma_at_end=parenthesised)
