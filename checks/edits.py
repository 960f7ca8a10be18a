"""Repairs of a project's files: shown as a diff, applied file by file, each with a backup of what it replaced."""

from __future__ import annotations

import difflib
import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

BACKUPS = ".lighthouse-migrate-backup"
_SKIPPED = {".git", ".venv", "venv", "node_modules", "__pycache__", BACKUPS}


@dataclass(frozen=True, slots=True)
class Edit:
    """One file before and after the repair."""

    file: Path
    before: str
    after: str
    backup: Path | None = None  # where the file's old content lies, once it was applied

    def diff(self, project: Path) -> str:
        """Return the change as a unified diff."""
        name = self.file.relative_to(project)
        lines = self.before.splitlines(keepends=True), self.after.splitlines(keepends=True)
        return "".join(difflib.unified_diff(*lines, fromfile=f"a/{name}", tofile=f"b/{name}"))


def apply(project: Path, edits: Iterable[Edit]) -> tuple[Edit, ...]:
    """Write the edits and return them, each with the backup of the file it replaced.

    A file is replaced as a whole, so that an interrupted repair leaves each file either old or new.
    """
    done = []
    for edit in edits:
        kept = backup(project, edit.file)
        new = edit.file.with_name(f".{edit.file.name}.new")
        new.write_bytes(edit.after.encode(errors="surrogateescape"))
        shutil.copymode(edit.file, new)
        new.replace(edit.file)
        done.append(replace(edit, backup=kept))
    return tuple(done)


def backup(project: Path, file: Path) -> Path:
    """Keep a copy of a file that is about to be replaced, where git does not see it, and return where."""
    folder = project / BACKUPS
    folder.mkdir(exist_ok=True)
    (folder / ".gitignore").write_text("*\n")  # the working tree stays as clean as it was
    kept = folder / file.relative_to(project)
    kept.parent.mkdir(parents=True, exist_ok=True)
    number = 0
    while kept.exists():
        number += 1
        kept = kept.with_name(f"{file.name}.{number}")
    shutil.copy2(file, kept)
    return kept


def files_of(project: Path) -> list[Path]:
    """Return the project's files as git knows them, or all of them where it is no repository."""
    command = ["git", "-C", str(project), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, timeout=10)
    if listed.returncode == 0:
        found = [project / os.fsdecode(name) for name in listed.stdout.split(b"\0") if name]
    else:
        found = [Path(folder) / name for folder, _, names in os.walk(project) for name in names]
    kept = [f for f in found if not _SKIPPED.intersection(f.relative_to(project).parts) and f.is_file()]
    return sorted(set(kept))


def text_of(file: Path) -> str:
    """Return a file's text, which may be any bytes."""
    # bytes that are no UTF-8 survive the round trip, and line ends stay as they are
    return file.read_bytes().decode(errors="surrogateescape")
