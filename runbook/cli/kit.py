"""`lighthouse-migrate kit write`: give a project the files that run the Bridge in containers."""

from __future__ import annotations

import difflib
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from deployment.errors import HeldError, OperatorError, UsageError
from runbook.cli import output

if TYPE_CHECKING:
    from deployment.kit import Artefact

NEXT = (
    "sudo sh scripts/docker/prepare-host.sh",
    "docker compose -f docker-compose.dual-fuse.yml up -d --build --wait",
)

app = typer.Typer(help="The files that run the Bridge in containers.", no_args_is_help=True)


class Sorted(NamedTuple):
    """The kit's files, by what is in the project at their place."""

    new: list[Artefact]
    changed: list[Artefact]
    same: list[Artefact]
    kept: list[Artefact]  # the walk changes these; what is there stays


@app.callback()
def _group() -> None:
    """Be a group of commands, although there is only one yet."""


@app.command()
def write(
    context: typer.Context,
    into: Path | None = typer.Option(None, "--into", metavar="DIR", help="The project; else the settings' own."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Show what would be written, and write nothing."),
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not ask before a file that differs is replaced."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object."),
) -> None:
    """Write the Dockerfile, the compose file and what they need; show the diff of every file that is there already."""
    folder = _project(context, into)
    found = _sort(folder)
    _tell(folder, found)
    write_it = bool(found.new or found.changed) and not dry_run
    if write_it:
        if found.changed and not yes:
            _ask(len(found.changed), may_ask=not as_json and output.interactive())
        for artefact in (*found.new, *found.changed):
            _put(folder, artefact)
        left = _sort(folder)
        if left.new or left.changed:
            raise OperatorError(
                f"{(left.new + left.changed)[0].path} is not what was written", "somebody else writes there"
            )
    if as_json:
        paths = {name: [a.path for a in getattr(found, name)] for name in ("new", "changed", "kept")}
        output.out_json(
            {"format": 1, "kind": "kit", "into": str(folder), **paths, "same": len(found.same), "written": write_it}
        )
        return
    if not found.new and not found.changed:
        output.out(f"{folder} has the whole kit already; nothing was written")
    elif write_it:
        output.out(f"wrote {_files(len(found.new) + len(found.changed))} into {folder}")
    else:
        output.out(f"nothing was written; without --dry-run: {len(found.new)} new, {len(found.changed)} replaced")
        return
    output.out(f"next: `cd {shlex.quote(str(folder))}`, then " + ", then ".join(f"`{command}`" for command in NEXT))


def _project(context: typer.Context, into: Path | None) -> Path:
    from runbook import settings

    if into is None:
        found = settings.load(settings.find(context.obj))
        if found.project is None:
            raise UsageError(
                "the settings name no project", "name the folder: `lighthouse-migrate kit write --into DIR`"
            )
        into = found.project
    if not into.is_dir():
        raise UsageError(f"there is no folder {into}", f"`mkdir -p {into}`, or name another with --into")
    return into.resolve()


def _sort(folder: Path) -> Sorted:
    from deployment.kit import everything

    found = Sorted([], [], [], [])
    for artefact in everything():
        path = folder / artefact.path
        if not path.resolve().is_relative_to(folder):
            raise OperatorError(f"{path} leads out of {folder}", "remove that symbolic link, and write again")
        if path.is_dir():
            raise OperatorError(
                f"{path} is a folder, and the kit has a file of that name", "move it away, and write again"
            )
        if not path.exists():
            found.new.append(artefact)
        elif artefact.changes:
            found.kept.append(artefact)
        else:
            (found.same if path.read_bytes() == artefact.data else found.changed).append(artefact)
    return found


def _tell(folder: Path, found: Sorted) -> None:
    for artefact in found.changed:
        output.say(_diff(folder, artefact))
    for word, artefacts in (("new", found.new), ("replaced", found.changed), ("left as it is", found.kept)):
        for path in _grouped(artefacts):
            output.say(f"  {word:<13} {path}")
    if found.same:
        output.say(f"  there already, as they should be: {_files(len(found.same))}")


def _grouped(artefacts: list[Artefact]) -> list[str]:
    """Return the paths; the Bridge's own files, of which there are many, as a folder each."""
    shown: dict[str, int] = {}
    for artefact in artefacts:
        top = "/".join(artefact.path.split("/")[:2]) + "/" if artefact.path.startswith("app/") else artefact.path
        shown[top] = shown.get(top, 0) + 1
    return [f"{path} ({count} files)" if path.endswith("/") else path for path, count in shown.items()]


def _diff(folder: Path, artefact: Artefact) -> str:
    before = (folder / artefact.path).read_bytes().decode("utf-8", "backslashreplace").splitlines(keepends=True)
    after = artefact.data.decode("utf-8").splitlines(keepends=True)
    lines = difflib.unified_diff(before, after, fromfile=f"a/{artefact.path}", tofile=f"b/{artefact.path}")
    return "".join(line if line.endswith("\n") else line + "\n\\ no newline at the end\n" for line in lines).rstrip(
        "\n"
    )


def _ask(count: int, *, may_ask: bool) -> None:
    if not may_ask:
        raise UsageError(
            f"{_files(count)} would be replaced and nobody can be asked here; nothing was written",
            "read the diffs above, then agree with `lighthouse-migrate kit write --yes`",
        )
    output.say(f"replace {_files(count)}? [y/N]")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise HeldError("not agreed to; nothing was written", "`lighthouse-migrate kit write --dry-run` shows it again")


def _files(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"


def _put(folder: Path, artefact: Artefact) -> None:
    """Write one file as a whole: who reads it meanwhile finds the old one or the new one."""
    from checks import edits

    path = folder / artefact.path
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            output.say(f"  what {artefact.path} was is kept in {edits.backup(folder, path)}")
        beside.write_bytes(artefact.data)
        beside.chmod(artefact.mode)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise OperatorError(
            f"cannot write {path}: {error.strerror}", "make the project's folder writable, and write again"
        ) from error
