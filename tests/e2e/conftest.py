"""An operator with a folder of their own, torn down whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.operator import Operator


@pytest.fixture
def operator(short_tmp: Path) -> Iterator[Operator]:
    someone = Operator(short_tmp)
    yield someone
    someone.tear_down()
