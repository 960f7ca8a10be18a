"""Requirements lose the old backend and not one other byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanup.requirements import is_requirements_file, without_requirement


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
