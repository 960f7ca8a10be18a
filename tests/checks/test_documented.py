"""docs/checks.md has a section for every check, in the words of the program."""

from __future__ import annotations

from checks.explanations import as_markdown
from checks.registry import CHECKS
from tests.checks.places import REPOSITORY


def test_the_document_has_every_check() -> None:
    text = (REPOSITORY / "docs" / "checks.md").read_text()
    sections = text.partition("## Each check\n\n")[2]
    assert sections == as_markdown(CHECKS.values()), "replace what stands below `## Each check` by as_markdown()"
