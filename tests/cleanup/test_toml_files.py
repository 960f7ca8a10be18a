"""pyproject.toml loses the old backend and keeps its form."""

from __future__ import annotations

import tomllib

import pytest

from cleanup.toml_files import without_dependency

PYPROJECT = """\
# a comment on top
[project]
name = "x"      # aligned
dependencies = [
    "trio",
    "fusepy>=3",  # goes
    'pyfuse3>=3.4',   # stays
]

[project.optional-dependencies]
both = ["fusepy[x]>=3", "pyfuse3"]
old = [ "fusepy" ]

[dependency-groups]
test = ["pytest", {include-group = "more"}]
more = ["fusepy"]

[tool.poetry.dependencies]
python = "^3.11"
fusepy = {version = "^3", optional = true}
trio = "*"

[tool.poetry.group.dev.dependencies]
FusePy = "*"
ruff = "*"
"""


def test_pyproject_loses_it_everywhere_and_keeps_its_form() -> None:
    done = without_dependency(PYPROJECT)
    data = tomllib.loads(done)
    assert data["project"]["dependencies"] == ["trio", "pyfuse3>=3.4"]
    assert data["project"]["optional-dependencies"] == {"both": ["pyfuse3"], "old": []}
    assert data["dependency-groups"] == {"test": ["pytest", {"include-group": "more"}], "more": []}
    assert data["tool"]["poetry"]["dependencies"] == {"python": "^3.11", "trio": "*"}
    assert data["tool"]["poetry"]["group"]["dev"]["dependencies"] == {"ruff": "*"}
    kept = done.splitlines()
    for line in ("# a comment on top", 'name = "x"      # aligned', '    "trio",', "    'pyfuse3>=3.4',   # stays"):
        assert line in kept
    assert "fusepy" not in done.replace("pyfuse3", "").lower()
    assert without_dependency(done) == done


@pytest.mark.parametrize("text", ["not = = toml", "", '[project]\nname="fusepy"\n', "[tool.other]\nfusepy = 1\n"])
def test_a_pyproject_it_does_not_understand_or_need_is_left_as_it_is(text: str) -> None:
    assert without_dependency(text) == text
