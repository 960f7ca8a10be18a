"""`lighthouse-migrate report`: the whole migration as one document."""

from __future__ import annotations

from pathlib import Path

import typer

from deployment.errors import OperatorError, UsageError
from runbook.cli import output


def report(
    context: typer.Context,
    markdown: Path | None = typer.Option(None, "--markdown", metavar="FILE", help="Write it as Markdown."),
    html: Path | None = typer.Option(None, "--html", metavar="FILE", help="Write it as one HTML file with charts."),
) -> None:
    """Tell the migration from the journal: weeks, decisions, gates, incidents, rollbacks, benchmark, what went."""
    from runbook import settings
    from runbook.journal import Journal
    from runbook.report.facts import gather
    from runbook.report.markdown import markdown as as_markdown
    from runbook.report.page import page

    journal = Journal(settings.load(settings.find(context.obj)).journal)
    broken = journal.broken_at()
    if broken is not None:
        raise OperatorError(
            f"the journal was changed: event #{broken} does not continue the chain",
            "`lighthouse-migrate history` shows it; a report of it would prove nothing",
        )
    facts = gather(journal.events())
    if not facts.events:
        raise UsageError("there is nothing to report yet", "`lighthouse-migrate advance` begins the walk")
    if markdown is None and html is None:
        output.out(as_markdown(facts).rstrip("\n"))
        return
    for file, text in ((markdown, as_markdown(facts)), (html, page(facts))):
        if file is not None:
            _write(file, text)
            output.say(f"wrote {file} ({len(text.encode()) / 1000:.0f} kB); journal head {facts.head[:12]}")


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OperatorError(f"{file} cannot be written: {error}", f"ls -ld {file.parent}") from error
