"""An operator with a folder of their own, and a terminal there, torn down whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.operator import Operator
from tests.e2e.terminal import Terminal


@pytest.fixture
def operator(short_tmp: Path) -> Iterator[Operator]:
    someone = Operator(short_tmp)
    yield someone
    someone.tear_down()


@pytest.fixture
def terminal(operator: Operator) -> Iterator[Terminal]:
    someone = Terminal(operator.folder)
    yield someone
    someone.close()
