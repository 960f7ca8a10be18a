"""What looks like the old backend and must stay, because something else stands on it or it would no longer work."""

from __future__ import annotations

import pytest

from cleanup import dockerfile, haproxy, ini_files, json_files, own_tests, prometheus, scripts, workflows
from cleanup import yaml_places as places
from cleanup.repository import Tree
from cleanup.workflows import without_old_backend


def tree(path: str, text: str) -> Tree:
    """Return a project of one file."""
    return Tree("", {path: "100644"}, {path: text.encode()})


@pytest.mark.parametrize(
    "text",
    [
        "FROM x AS base\nFROM base AS fusepy\n",  # the last stage is what is built
        "FROM x AS fusepy\nFROM fusepy AS runtime\n",
        "FROM x AS fusepy\nFROM y\nRUN --mount=type=bind,from=fusepy,target=/f ls\n",
    ],
)
def test_a_stage_that_something_stands_on(text: str) -> None:
    assert dockerfile.single_backend(text) == text


def test_a_section_of_the_router_that_is_the_default() -> None:
    text = "frontend c\n    default_backend fusepy\nbackend fusepy\n    server one 127.0.0.1:1\n"
    assert haproxy.without_old_backend(text) == text


def test_the_comment_of_the_next_section_of_the_router() -> None:
    text = "backend fusepy\n    server one 127.0.0.1:1\n\n# the rest\nbackend other\n"
    assert haproxy.without_old_backend(text) == "# the rest\nbackend other\n"


def test_a_script_that_would_no_longer_be_one() -> None:
    text = "#!/bin/sh\nif true; then\n    pip install fusepy\nfi\n"
    assert scripts.edits(tree("a.sh", text)) == {}


def test_a_template_of_gitlab_that_a_job_extends() -> None:
    text = ".fusepy:\n  image: x\n\nunit:\n  extends: .fusepy\n  script: [make]\n"
    assert without_old_backend(text, gitlab=True) == text


def test_a_file_that_another_pipeline_includes() -> None:
    text = "test:fusepy:\n  script: [make]\n"
    assert workflows.edits(tree(".gitlab/ci/old.yml", text)) == {}
    assert workflows.edits(tree(".gitlab-ci.yml", text)) == {".gitlab-ci.yml": None}


@pytest.mark.parametrize(
    "text",
    [
        '{"panels": "fusepy"}',
        '[{"title": "fusepy"}]',
        '{"panels": [{"title": "fusepy", "targets": [{"expr": "up"}]}]}',
        '{"syscalls": [{"comment": "for pyfuse3, as for fusepy"}]}',
        '{"fusepy": 1, "panels": [',
    ],
)
def test_json_that_is_no_entry_of_the_old_backend(text: str) -> None:
    assert json_files.without_old_entries(text) == text


def test_the_rules_of_others_of_a_group() -> None:
    text = 'groups:\n- name: a\n  rules:\n  - alert: X\n    expr: up{job="fusepy-docs"}\n'
    assert prometheus.edits(tree("rules.yml", text)) == {}


@pytest.mark.parametrize(
    "text", ["[options\n", "[options]\ninstall_requires = x\n", "[options]\ndescription = fusepy\n"]
)
def test_an_ini_file_it_does_not_understand_or_need(text: str) -> None:
    assert ini_files.without_dependency(text) == text


def test_a_test_whose_only_case_is_the_old_backend() -> None:
    text = 'import pytest\n\n\n@pytest.mark.parametrize("b", ["fusepy"])\ndef test_b(b):\n    assert b\n'
    assert own_tests.without_old_cases(text) == text


def test_a_cut_that_would_change_anything_else_is_not_made() -> None:
    text = "a: &x {k: 1}\nb: *x\n"
    assert places.without(text, lambda _document: [("a",)]) == text
