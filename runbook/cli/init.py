"""`lighthouse-migrate init`: write the settings file, after looking whether they can work."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from deployment.errors import HeldError, UsageError
from deployment.whole_file import write_whole
from runbook.cli import output

if TYPE_CHECKING:
    from runbook.settings import Settings


def init(
    context: typer.Context,
    name: str = typer.Option("", "--name", help="The deployment's name; else the folder's."),
    live: Path = typer.Option(Path("live"), "--live", help="The stable mount path that the clients use."),
    state: Path = typer.Option(
        Path(".lighthouse-migrate"), "--state", help="The folder for everything the tool makes."
    ),
    project: Path | None = typer.Option(
        None, "--project", help="The service's own repository, to be checked and purged."
    ),
    target: str = typer.Option("local", "--target", help="Where the Bridge runs: local, or docker."),
    adopt: str = typer.Option(
        "", "--adopt", help="The container to begin with: its name, label=KEY=VALUE or service=NAME of compose."
    ),
    base_port: int = typer.Option(
        0, "--base-port", help="Take ten ports from here on, instead of 8765, 9100 and so on."
    ),
    as_json: bool = typer.Option(False, "--json", help="One JSON object."),
) -> None:
    """Write lighthouse-migrate.toml here. Looks first, writes one file, starts nothing."""
    from runbook import settings as settings_module

    path = (context.obj or Path.cwd() / settings_module.FILE).absolute()
    if path.exists():
        raise settings_module.SettingsError(f"{path} is there already", f"edit it, or `rm {path}` to begin anew")
    store = adopted_store(adopt, target) if adopt else None
    text = compose(name or path.parent.name, live, state, project, target, base_port, adopt, store)
    found = settings_module.parse(path, text)
    _look(found)
    write_whole(path, text)
    if as_json:
        output.out_json({"format": 1, "kind": "init", "settings": str(path), "name": found.name})
    else:
        output.out_lines([f"wrote {path}", "next: `lighthouse-migrate plan`, then `lighthouse-migrate advance`"])


def compose(
    name: str,
    live: Path,
    state: Path,
    project: Path | None,
    target: str,
    base_port: int,
    adopt: str = "",
    store: Path | None = None,
) -> str:
    """Return the text of a settings file; the values are TOML strings, which JSON strings are too."""
    lines = ["format = 1", f"name = {json.dumps(name)}"]
    if project is not None:
        lines.append(f"project = {json.dumps(str(project))}")
    lines += ["", "[target]", f"kind = {json.dumps(target)}"]
    lines += [f"state = {json.dumps(str(state))}", f"live = {json.dumps(str(live))}"]
    if store is not None:
        lines += [f"store = {json.dumps(str(store))}", "", "[docker]", f"adopt = {json.dumps(adopt)}"]
    if base_port:
        port = iter(range(base_port, base_port + 10))
        lines += ["", "[ports]", f"router = {next(port)}"]
        for side in ("stable", "canary", "stable_metrics", "canary_metrics"):
            lines.append(f"{side} = [{next(port)}, {next(port)}]")
        lines.append(f"prometheus = {next(port)}")
    return "\n".join([*lines, ""])


def adopted_store(word: str, target: str) -> Path:
    """Return where the container a migration begins with has its event store on the host.

    Raises:
        UsageError: Only containers can be adopted.
        ChangeFailedError: There is no such container, or it cannot be gone on from.
    """
    if target != "docker":
        raise UsageError("only a container can be adopted", "`init --target docker --adopt NAME`")
    from deployment.targets.docker_adoption import adopt
    from deployment.targets.docker_engine import Engine

    found = adopt(Engine(Path.cwd()), word)
    for note in found.notes:
        output.say(note)
    return found.store


def _look(found: Settings) -> None:
    """Refuse a place that cannot work, before anything is written."""
    from checks.runner import run
    from deployment.metrics.scrape import ScrapeSource
    from runbook.assembly import context_of, target_of
    from runbook.judgement import forbids, remedy_of
    from runbook.state import State

    target = target_of(found)
    source = ScrapeSource(found.place.state, dict)
    context = context_of(found, target, source, State(), lambda _name, _data: None, output.say)
    refused = [r for r in run(("host.live-path", "host.ports", "host.disk"), context) if forbids(r)]
    for result in refused:
        assert result.finding is not None
        raise HeldError(
            f"{result.check.id}: {result.finding.seen}; nothing was written",
            remedy_of(result),
        )
