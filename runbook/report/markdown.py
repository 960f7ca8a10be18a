"""The report as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from runbook.report.facts import Facts
from runbook.report.words import Section, sections, title


def markdown(facts: Facts) -> str:
    """Return the whole report."""
    return "\n".join([f"# {title(facts)}", *(line for section in sections(facts) for line in _section(section))]) + "\n"


def _section(section: Section) -> Iterator[str]:
    yield f"\n## {section.title}\n"
    yield from section.lines
    if section.rows:
        if section.lines:
            yield ""
        yield _row(section.columns)
        yield _row(tuple("---" for _ in section.columns))
        yield from map(_row, section.rows)


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"
