"""CI loses the old backend's jobs; what stays, stays to the byte and still parses."""

from __future__ import annotations

import pytest
from ruamel.yaml import YAML

from cleanup.workflows import without_old_backend

GITHUB = """\
# CI of the service
name: ci
on: [push]
env:
  LONG: "a value that is longer than any line width a YAML library would choose by itself, and that must not be wrapped"

jobs:
    # old
    fusepy:
        runs-on: ubuntu-latest
        steps:
        - run: pytest

    both:
        name: Dual-backend parity
        runs-on: ubuntu-latest
        steps: []

    # new
    pyfuse3:   # the one that stays
        needs: [fusepy, both, lint]
        runs-on: ubuntu-latest
        strategy:
            matrix:
                backend:
                - fusepy
                - pyfuse3
                include:
                -   backend: fusepy
                    library: libfuse2
                -   backend: pyfuse3
                    library: fuse3
        steps:
        -   uses: actions/checkout@v4
        -   name: libfuse2 for fusepy
            run: sudo apt-get install -y libfuse2
        -   run: |
                # both
                sudo apt-get update
                sudo apt-get install -y libfuse2 fuse3 \\
                    libfuse3-dev
                pip install fusepy==3.0.1 pyfuse3

                pytest -k "not fusepy"
        -   run: pip install fusepy pytest-cov   # a comment
        -   run: pip install 'fusepy' "trio"
    lint:
        runs-on: ubuntu-latest
        steps: [{run: ruff check}]
"""

EXPECTED = """\
# CI of the service
name: ci
on: [push]
env:
  LONG: "a value that is longer than any line width a YAML library would choose by itself, and that must not be wrapped"

jobs:
    # new
    pyfuse3:   # the one that stays
        needs: [lint]
        runs-on: ubuntu-latest
        strategy:
            matrix:
                backend:
                - pyfuse3
                include:
                -   backend: pyfuse3
                    library: fuse3
        steps:
        -   uses: actions/checkout@v4
        -   run: |
                # both
                sudo apt-get update
                sudo apt-get install -y fuse3 \\
                    libfuse3-dev
                pip install pyfuse3

                pytest -k "not fusepy"
        -   run: pip install pytest-cov   # a comment
        -   run: pip install "trio"
    lint:
        runs-on: ubuntu-latest
        steps: [{run: ruff check}]
"""


def test_a_github_workflow_is_edited_by_place() -> None:
    assert without_old_backend(GITHUB) == EXPECTED
    assert without_old_backend(EXPECTED) == EXPECTED


GITLAB = """\
stages: [build, test]

build:dual-fuse:
  stage: build
  script:
    - docker build -f Dockerfile.dual-fuse .

# the old one
test:fusepy:
  stage: test
  script: [pytest]

test:pyfuse3:
  stage: test
  needs: ["test:fusepy"]
  before_script:
    - pip install fusepy
    - apt-get install -y libfuse2 fuse3
  script:
    - pytest
"""


def test_a_gitlab_pipeline_is_edited_by_place() -> None:
    done = without_old_backend(GITLAB, gitlab=True)
    assert done is not None
    data = YAML(typ="safe").load(done)
    assert list(data) == ["stages", "build:dual-fuse", "test:pyfuse3"]
    assert data["test:pyfuse3"] == {
        "stage": "test",
        "before_script": ["apt-get install -y fuse3"],
        "script": ["pytest"],
    }
    assert "# the old one" not in done
    kept = [line for line in done.splitlines() if line not in GITLAB.splitlines()]
    assert kept == ["    - apt-get install -y fuse3"]


def test_a_matrix_of_the_old_backend_alone_takes_its_job_along() -> None:
    text = "jobs:\n  a:\n    strategy: {matrix: {backend: [fusepy]}}\n    steps: []\n  b:\n    steps: []\n"
    assert without_old_backend(text) == "jobs:\n  b:\n    steps: []\n"


def test_a_workflow_of_the_old_backend_alone_goes_as_a_whole() -> None:
    assert without_old_backend("name: fuse 2\njobs:\n  fusepy:\n    steps: []\n") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "jobs: [",
        "- a\n- b\n",
        "jobs: {fusepy: {steps: []}, pyfuse3: {steps: []}}\n",
        "jobs:\n  pyfuse3:\n    name: pyfuse3 against fusepy\n    steps: []\n",
        "jobs:\n  build:\n    steps:\n    - run: echo fusepy\n",
        "jobs:\n  refuse:\n    steps: []\n  x:\n    steps: []\n",
    ],
)
def test_what_it_does_not_understand_or_need_stays(text: str) -> None:
    assert without_old_backend(text) == text


def test_line_ends_of_another_system_stay() -> None:
    text = "jobs:\r\n  fusepy:\r\n    steps: []\r\n  other:\r\n    steps: []\r\n"
    assert without_old_backend(text) == "jobs:\r\n  other:\r\n    steps: []\r\n"


def test_a_job_that_is_set_for_the_old_backend_or_for_both_goes() -> None:
    text = (
        "jobs:\n  one:\n    env:\n      LIGHTHOUSE_FUSE_BACKEND: fusepy\n    steps: []\n\n"
        "  two:\n    env: {LIGHTHOUSE_FUSE_PARALLEL_TEST: true}\n    steps: []\n\n"
        "  three:\n    env:\n      LIGHTHOUSE_FUSE_BACKEND: pyfuse3\n    steps: []\n"
    )
    assert without_old_backend(text) == text[: len("jobs:\n")] + text[text.index("  three:") :]
