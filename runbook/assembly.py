"""Puts the house together from the settings: journal, target, measurement source, checks, engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployment.metrics.source import Source
from deployment.targets.target import Say, Target
from phases.calendar import stage_at
from runbook.clock import Clock, WallClock
from runbook.engine import Engine
from runbook.journal import BrokenJournal, Journal, JournalError
from runbook.judgement import Judgement
from runbook.notify import Notifier, addresses
from runbook.purge import Purge
from runbook.settings import Settings, find, load
from runbook.state import State, Status

if TYPE_CHECKING:
    from checks.check import Context


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
    notifier = Notifier(addresses(settings.notify), settings.name, say)
    journal.on_event = notifier.event
    try:
        yield assemble(settings, journal, say)
    finally:
        notifier.settle()
        journal.close()


def assemble(settings: Settings, journal: Journal, say: Say, clock: Clock | None = None) -> Engine:
    """Return the engine of a deployment."""
    target = target_of(settings)
    clock = clock or WallClock()
    source = cache(partial(_source, settings, target))  # chosen when it is first asked, not when it is not

    def write(kind: str, **data: Any) -> None:
        journal.append(clock.now(), kind, **data)

    def record(name: str, data: Mapping[str, Any]) -> None:
        write("evidence", name=name, data=dict(data))

    def context(state: State) -> Context:
        return context_of(settings, target, source(), state, record, say)

    judgement = Judgement(settings, source, context, clock, write, say)
    return Engine(settings, journal, target, judgement, Purge(settings, target, journal, clock), clock, say)


def target_of(settings: Settings) -> Target:
    """Return the place where the Bridges run, as the settings name it."""
    if settings.target == "docker":
        from deployment.targets.docker_target import DockerTarget

        return DockerTarget(settings.place, settings.docker)
    from deployment.targets.local import LocalTarget

    return LocalTarget(settings.place)


def context_of(
    settings: Settings,
    target: Target,
    source: Source,
    state: State,
    record: Callable[[str, Mapping[str, Any]], None],
    say: Say,
) -> Context:
    """Return what the checks of a deployment may look at."""
    from checks.check import Context

    desired = None
    if state.status is Status.IN and state.week is not None:
        desired = stage_at(state.week, state.stage).deployment
    return Context(
        target=target,
        place=settings.place,
        source=source,
        project=settings.project,
        evidence=state.evidence,
        record=record,
        iterations=settings.iterations,
        warmup=settings.warmup,
        latency=settings.latency,
        comparisons=settings.comparisons,
        say=say,
        desired=desired,
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
    """Return the source the settings name; "auto" is Prometheus where it runs with the deployment, else our own."""
    server = f"http://127.0.0.1:{settings.place.prometheus_port}"
    if settings.metrics == "prometheus" or (settings.metrics == "auto" and _is_ready(server)):
        from deployment.metrics.prometheus import PrometheusSource

        return PrometheusSource(server, target.metrics)
    from deployment.metrics.scrape import ScrapeSource

    return ScrapeSource(settings.place.state, target.metrics)


def _is_ready(server: str) -> bool:
    from deployment.http_ask import ask

    return ask({"prometheus": f"{server}/-/ready"}, timeout=1.0)["prometheus"].status == 200
