"""Requirements lose the old backend and not one other byte."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanup.requirements import is_requirements_file, without_dependency, without_requirement


@pytest.mark.parametrize(
    "line",
    [
        "fusepy",
        "fusepy==3.0.1",
        "FusePy >= 3 ; python_version < '4'",
        "fusepy[extra]~=3.0  # the old one",
        "fusepy @ https://example.org/fusepy.zip",
        "fusepy==3.0.1 --hash=sha256:aa --hash=sha256:bb",
        "fusepy==3.0.1 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb",
        "Fuse_Python",
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_spelling_of_the_old_requirement_goes(line: str, end: str) -> None:
    line = line.replace("\n", end)
    assert without_requirement(f"a{end}{line}{end}b{end}") == f"a{end}b{end}"
    assert without_requirement(line) == ""


@pytest.mark.parametrize(
    "line",
    [
        "pyfuse3",
        "mfusepy",
        "fuse",
        "# fusepy==3.0.1",
        "-r requirements-fusepy.txt",
        "--find-links fusepy",
        "./fusepy",
        "",
    ],
)
def test_what_only_looks_like_it_stays(line: str) -> None:
    assert without_requirement(f"{line}\nb\n") == f"{line}\nb\n"


@given(
    st.lists(st.sampled_from(["a==1", "# c", "", "  b>=2 # d", "-e .", "fusepy==3", "é ü", "\tx\\\n  y"])),
    st.booleans(),
)
def test_the_rest_is_the_same_text(lines: list[str], ended: bool) -> None:
    text = "\n".join(lines) + ("\n" if ended else "")
    kept = [line for line in lines if line != "fusepy==3"]
    expected = "".join(f"{line}\n" for line in kept)
    done = without_requirement(text)
    assert done.rstrip("\n") == expected.rstrip("\n")
    assert without_requirement(done) == done


@pytest.mark.parametrize(
    ("path", "is_one"),
    [
        ("requirements.txt", True),
        ("requirements-dev.in", True),
        ("a/dev-requirements.txt", True),
        ("requirements/base.txt", True),
        ("constraints.txt", True),
        ("docs/notes.txt", False),
        ("requirements.py", False),
    ],
)
def test_which_files_pip_reads(path: str, is_one: bool) -> None:
    assert is_requirements_file(path) is is_one


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
