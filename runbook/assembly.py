"""Puts the house together from the settings: journal, target, measurement source, checks, engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from checks.check import Context
from deployment.metrics.source import Source
from deployment.model import Side
from deployment.targets.local import LocalTarget
from deployment.targets.target import Target
from runbook.clock import Clock, WallClock
from runbook.engine import Engine
from runbook.journal import BrokenJournal, Journal, JournalError
from runbook.judgement import Judgement
from runbook.purge import steps_of_cleanup
from runbook.settings import Settings, find, load
from runbook.state import State

Say = Callable[[str], None]


@contextmanager
def opened(named: Path | None, say: Say, *, tolerant: bool = False) -> Iterator[Engine]:
    """Open the deployment whose settings file is named, or found from here.

    Args:
        named: The settings file; None to look for it.
        say: Told what happens.
        tolerant: Go on where the journal cannot be opened, as a rollback must.

    Raises:
        SettingsError: There is no such file, or something in it does not exist.
        JournalError: The journal cannot be opened.
    """
    settings = load(find(named))
    journal = _journal(settings, say, tolerant=tolerant)
    try:
        yield assemble(settings, journal, say)
    finally:
        journal.close()


def assemble(settings: Settings, journal: Journal, say: Say, clock: Clock | None = None) -> Engine:
    """Return the engine of a deployment."""
    target = LocalTarget(settings.place)
    source = _source(settings, target)
    clock = clock or WallClock()

    def write(kind: str, **data: Any) -> None:
        journal.append(clock.now(), kind, **data)

    def record(name: str, data: Mapping[str, Any]) -> None:
        write("evidence", name=name, data=dict(data))

    def context(state: State) -> Context:
        return context_of(settings, target, source, state, record, say)

    judgement = Judgement(settings, source, context, clock, write, say)
    return Engine(settings, journal, target, judgement, lambda _state: steps_of_cleanup(settings), clock, say)


def context_of(
    settings: Settings,
    target: Target,
    source: Source,
    state: State,
    record: Callable[[str, Mapping[str, Any]], None],
    say: Say,
) -> Context:
    """Return what the checks of a deployment may look at."""
    return Context(
        target=target,
        place=settings.place,
        source=source,
        project=settings.project,
        evidence=state.evidence,
        record=record,
        iterations=settings.iterations,
        warmup=settings.warmup,
        comparisons=settings.comparisons,
        say=say,
    )


def _journal(settings: Settings, say: Say, *, tolerant: bool) -> Journal:
    try:
        return Journal(settings.journal)
    except JournalError as error:
        if not tolerant:
            raise
        say(f"! {error.message}; going on without it")
        return BrokenJournal(settings.journal, error)


def _source(settings: Settings, target: Target) -> Source:
    """Return Prometheus where it runs beside the deployment, else the source that reads the Bridges itself."""
    from deployment.metrics.scrape import ScrapeSource

    def urls() -> dict[Side, str]:
        seen = target.observe()
        return {side: now.metrics for side in Side if (now := seen.serving(side)) is not None and now.metrics}

    return ScrapeSource(settings.place.state, urls)
