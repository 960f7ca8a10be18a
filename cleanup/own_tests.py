"""Takes the old backend out of a project's own tests: as a test's parameter, and the tests marked for it alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

import libcst as cst

from cleanup import names
from cleanup.modules import dotted
from cleanup.python_code import Source, parses


def is_test(path: str) -> bool:
    """Return whether pytest collects a file."""
    return re.fullmatch(r"test_.*\.py|.*_test\.py|conftest\.py", PurePosixPath(path).name) is not None


def without_old_cases(text: str) -> str:
    """Return a test file without the cases of the old backend; where nothing else would be left they stay."""
    while True:
        source = Source(text)
        after = next((found for found in _steps(source) if parses(found)), None)
        if after is None:
            return text
        text = after


def _steps(source: Source) -> Iterator[str]:
    for node in source.nodes():
        if isinstance(node, cst.Call) and dotted(node.func).endswith("parametrize"):
            for values in (n for argument in node.args for n in source.nodes(argument) if isinstance(n, cst.List)):
                old = [i for i, element in enumerate(values.elements) if _is_old(element.value)]
                if old and len(old) < len(values.elements):
                    yield source.without(values, old[0])
        elif isinstance(node, cst.FunctionDef) and any(_marks_old(d.decorator) for d in node.decorators):
            yield _without_function(source, node)


def _is_old(value: cst.BaseExpression) -> bool:
    return isinstance(value, cst.SimpleString) and value.evaluated_value == names.OLD_BACKEND


def _marks_old(decorator: cst.BaseExpression) -> bool:
    name = dotted(decorator.func if isinstance(decorator, cst.Call) else decorator)
    return ".mark." in name and names.of_old_alone(name.rpartition(".")[2])


def _without_function(source: Source, function: cst.FunctionDef) -> str:
    """Cut a function with its decorators, and one of the two stretches of blank lines around it."""
    text, end = source.text, source.places[function].end
    start = text.rfind("\n", 0, source.places[function.decorators[0]].start) + 1
    end = end + 1 if text[end : end + 1] == "\n" else end
    before = re.search(r"\n\s*\Z", text[:start])
    if before is not None:
        start = before.start() + 1
    return text[:start] + text[end:]
