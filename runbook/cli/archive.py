"""`lighthouse-migrate archive`: what week 8 keeps, whether it is whole, and how to get it back."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path

import typer

from deployment.errors import OperatorError, UsageError
from runbook.cli import output

app = typer.Typer(help="What week 8 keeps of the old backend, to go back.", no_args_is_help=True)


@app.command("list")
def list_(context: typer.Context, as_json: bool = typer.Option(False, "--json", help="One JSON object.")) -> None:
    """Show what the archive holds, by its parts, with sizes."""
    from cleanup import archive

    folder = _folder(context)
    manifest = archive.read(folder)
    if as_json:
        files = [asdict(entry) for entry in manifest.files]
        head = {"format": 1, "kind": "archive", "folder": str(folder), "created": manifest.created}
        output.out_json(
            {**head, "tag": manifest.tag, "commit": manifest.commit, "files": files, "bytes": manifest.bytes}
        )
        return
    made = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(manifest.created))
    output.out(f"{folder}  made {made}  {manifest.bytes / 1e6:.1f} MB  manifest {archive.digest(folder)[:16]}")
    if manifest.commit:
        output.out(f"  project at {manifest.commit[:12]}, tag {manifest.tag}")
    for entry in manifest.files:
        output.out(f"  {entry.bytes / 1e6:9.3f} MB  {entry.sha256[:16]}  {entry.path}")


@app.command()
def verify(
    context: typer.Context,
    restore: bool = typer.Option(False, "--restore", help="Also restore all of it once in a scratch place."),
) -> None:
    """Compare every file with its digest; exit with 1 where one differs."""
    from cleanup import archive

    folder = _folder(context)
    problems = archive.rehearse(folder) if restore else archive.verify(folder)
    for problem in problems:
        output.out(f"[FAIL] {problem}")
    if problems:
        raise OperatorError(f"the archive {folder} is damaged: {problems[0]}", "restore it from your backup")
    manifest = archive.read(folder)
    how = "and was restored in a scratch place" if restore else "by its digest"
    output.out(f"[ok]   {len(manifest.files)} files, {manifest.bytes / 1e6:.1f} MB: each is what was archived, {how}")


@app.command("restore")
def restore_(
    context: typer.Context,
    into: Path = typer.Option(..., "--into", metavar="DIR", help="A folder that does not exist yet."),
) -> None:
    """Give the project back as it was before the purge, with its history. The deployment: `rollback --to 7`."""
    from cleanup import archive

    if into.exists():
        raise UsageError(f"{into} is there already", "name a folder that does not exist")
    folder = _folder(context)
    if archive.restore(folder, into) is None:
        raise UsageError("no project was archived: the settings name none", "`lighthouse-migrate archive list`")
    output.out(f"restored the project at {archive.read(folder).tag} into {into}")


def _folder(context: typer.Context) -> Path:
    from runbook.settings import find, load

    folder = load(find(context.obj)).place.state / "archive"
    if not folder.exists():
        raise UsageError(f"there is no archive in {folder}", "`advance` into week 8 makes it before anything is purged")
    return folder
