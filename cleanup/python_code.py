"""Takes the old backend out of Python code: the imports of modules that go.

libcst says where things stand; the edit is made by place, and the result must parse. An import goes only with all that
hangs on it: entries of tables and of `__all__`, and the `try` that guarded it. Where its name is used for anything else
the code still stands on the module, and nothing is edited.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from cleanup.cutting import Span, without_element
from cleanup.modules import Importing

#: What a function does now where it served the old backend.
GONE = 'raise LookupError("pyfuse3 is the only backend")'
_LISTS = (cst.List, cst.Tuple, cst.Set, cst.Dict)


class StillUsedError(Exception):
    """Code stands on a module that was to go; the message says where."""


@dataclass(frozen=True)
class Source:
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
        """Yield a node and everything below it; the whole file where none is named."""
        todo: list[cst.CSTNode] = [self.wrapper.module if root is None else root]
        while todo:
            node = todo.pop()
            yield node
            todo += reversed(node.children)

    def line(self, node: cst.CSTNode) -> int:
        """Return the line, counted from 1, at which a node stands."""
        return self.text.count("\n", 0, self.places[node].start) + 1

    def without(self, owner: cst.List | cst.Tuple | cst.Set | cst.Dict, i: int) -> str:
        """Return the text without one element of a list, a tuple, a set or a dictionary."""
        spans = [self._element(element) for element in owner.elements]
        return without_element(self.text, spans, i, comment="#", comma_at_end=True)

    def _element(self, element: cst.BaseElement | cst.BaseDictElement) -> Span:
        first = element.key if isinstance(element, cst.DictElement) else element.value
        return Span(self.places[first].start, self.places[element.value].end)


def parses(text: str) -> bool:
    """Return whether a text is Python."""
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return True


def without_imports(text: str, importing: Importing) -> str:
    """Return code that no longer imports modules that go.

    Raises:
        StillUsedError: It stands on one of them.
    """
    while True:
        source = Source(text)
        after = _one_step(source, importing)
        if after is None:
            return text
        if not parses(after):
            raise StillUsedError("it is used in a way that cannot be cut out")
        text = after


def _one_step(source: Source, importing: Importing) -> str | None:
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
            return _without_rest(source, node, [statement for statement, _ in statements])
        return source.without(*owners[node])
    if guards:
        return _without_lines(source, guards[0])
    node, going = statements[0]
    return _without_names(source, node, going)


def _without_rest(source: Source, use: cst.CSTNode, imports: Sequence[cst.CSTNode]) -> str:
    """Return the text where the way to what goes ends in an error: a function that imports it where it needs it.

    Raises:
        StillUsedError: It is used anywhere but in the rest of the block that imports it.
    """
    for function in source.nodes():
        if not isinstance(function, cst.FunctionDef):
            continue
        for block in source.nodes(function):
            lines = list(block.body) if isinstance(block, cst.IndentedBlock) else []
            for i, line in enumerate(lines):
                parts = line.body if isinstance(line, cst.SimpleStatementLine) else ()
                used_here = any(use in set(source.nodes(rest)) for rest in lines[i + 1 :])
                if len(parts) == 1 and parts[0] in imports and used_here:
                    start, end = source.places[line].start, source.places[lines[-1]].end
                    return source.text[:start] + GONE + source.text[end:]
    raise StillUsedError(str(source.line(use)))


def _is_attribute(source: Source, name: cst.Name) -> bool:
    """Whether a name is another thing's attribute or a keyword, and so no use of what was imported."""
    before = source.text[: source.places[name].start].rstrip()
    after = source.text[source.places[name].end :].lstrip(" ")
    return before.endswith(".") or (after.startswith("=") and not after.startswith("==") and before[-1:] in "(,")


def _in_all(source: Source, node: cst.CSTNode) -> bool:
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


def _without_lines(source: Source, node: cst.CSTNode) -> str:
    """Return the text without the lines of a statement that has its lines for itself."""
    span, text = source.places[node], source.text
    start = text.rfind("\n", 0, span.start) + 1
    end = text.find("\n", span.end)
    rest = text[span.end : end if end >= 0 else len(text)].strip()
    if text[start : span.start].strip() or (rest and not rest.startswith("#")):
        raise StillUsedError(str(source.line(node)))
    return text[:start] + (text[end + 1 :] if end >= 0 else "")


def _without_names(source: Source, node: cst.Import | cst.ImportFrom, going: list[int]) -> str:
    aliases = [] if isinstance(node.names, cst.ImportStar) else list(node.names)
    if len(going) >= len(aliases):
        return _without_lines(source, node)
    spans = [Span(source.places[a.name].start, source.places[a.asname or a.name].end) for a in aliases]
    parenthesised = isinstance(node, cst.ImportFrom) and node.lpar is not None
    return without_element(source.text, spans, going[0], comment="#", comma_at_end=parenthesised)
