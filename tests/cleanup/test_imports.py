"""Imports of the old backend are found by parsing, and nothing else is taken for one."""

from __future__ import annotations

import pytest

from cleanup.imports import leftovers
from cleanup.repository import Tree


def lines(text: str) -> list[int]:
    tree = Tree("", {"a.py": "100644"}, {"a.py": text.encode()})
    return [found.line for found in leftovers(tree)]


@pytest.mark.parametrize(
    "text",
    [
        "import fuse",
        "import os, fuse as f",
        "from fuse import FUSE, Operations",
        "import fuse.common",
        "from lighthouse.fuse.backends.fusepy import mount",
        "from lighthouse.fuse.backends import fusepy",
        "from .backends.fusepy import mount",
        "importlib.import_module('fuse')",
        "__import__('fuse')",
    ],
)
def test_an_import_is_found(text: str) -> None:
    assert lines(f"import os\n{text}\n") == [2]


@pytest.mark.parametrize(
    "text",
    [
        "import pyfuse3",
        "import refuse",
        "import fuselage",
        "from lighthouse import fuse",
        "from lighthouse.fuse import mount",
        "from .fuse import x",
        "x = 'import fuse'",
        "# import fuse",
        "fuse = 1",
    ],
)
def test_what_is_no_import_of_it_is_not(text: str) -> None:
    assert lines(f"{text}\n") == []


def test_one_inside_a_function_is_found_where_it_stands() -> None:
    assert lines("def f():\n    try:\n        import fuse\n    except ImportError:\n        fuse = None\n") == [3]


def test_a_file_that_does_not_parse_is_named() -> None:
    assert lines("import fuse\nprint 'two'\n") == [2]
    assert lines("print 'two'\n") == []
