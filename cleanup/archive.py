"""Keeps what is needed to go back after week 8: the project with its history, images, packages, settings, the journal.

An archive is a folder with a manifest of SHA-256 digests. It is built beside its place and moved there when it is
complete, so that there is never half an archive under its name.
"""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cleanup import restoring
from cleanup.repository import TAG, Repository
from deployment.errors import ChangeFailedError

MANIFEST = "manifest.json"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an archive."""

    path: str  # relative to the archive
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive holds."""

    created: float  # Unix time
    tag: str  # of the project, empty where no project is archived
    commit: str
    files: tuple[Entry, ...]
    format: int = FORMAT

    @property
    def bytes(self) -> int:
        """The archive's size."""
        return sum(entry.bytes for entry in self.files)


@dataclass(frozen=True, slots=True)
class Contents:
    """What goes into an archive."""

    project: Path | None = None  # the service's repository, archived at the tag `pre-pyfuse3-migration`
    wheels: Path | None = None  # a folder of wheels
    images: tuple[Path, ...] = ()  # images as `docker save` writes them
    packages: tuple[Path, ...] = ()  # Debian's, as .deb
    requirements: tuple[Path, ...] = ()  # lists of packages
    journal: Path | None = None  # the journal's export
    others: tuple[Path, ...] = ()  # such as the deployment's settings


def make(folder: Path, contents: Contents, now: float) -> Manifest:
    """Build an archive, restore it once in a scratch place, and return its manifest; one that is there and sound stays.

    Raises:
        ChangeFailedError: The project has no tag yet, a file cannot be read, it cannot be restored, or what lies at
            `folder` is damaged.
    """
    if folder.exists():
        problems = verify(folder)
        if problems:
            hint = f"move it away: mv {folder} {folder}.damaged"
            raise ChangeFailedError(f"the archive {folder} is damaged: {problems[0]}", hint)
        return read(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as unfinished:
        built = Path(unfinished, "archive")
        built.mkdir()
        commit = _add_project(built, Repository(contents.project)) if contents.project is not None else ""
        try:
            _copy(built / "wheels", sorted(contents.wheels.glob("*.whl")) if contents.wheels is not None else ())
            _copy(built / "images", contents.images)
            _copy(built / "packages", contents.packages)
            _copy(built / "requirements", contents.requirements)
            _copy(built / "journal", [contents.journal] if contents.journal is not None else ())
            _copy(built / "others", contents.others)
        except OSError as error:
            raise ChangeFailedError(f"the archive cannot be built: {error}", f"df -h {folder.parent}") from error
        manifest = Manifest(now, TAG if commit else "", commit, _entries(built))
        (built / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1) + "\n")
        problems = rehearse(built)
        if problems:
            raise ChangeFailedError(f"the archive could not be restored: {problems[0]}", "nothing was purged yet")
        built.replace(folder)
    return manifest


def _add_project(built: Path, repository: Repository) -> str:
    commit = repository.resolve(TAG)
    if commit is None:
        raise ChangeFailedError(f"{repository.project} has no tag {TAG} yet", f"git -C {repository.project} tag {TAG}")
    (built / "project").mkdir()
    repository.git("archive", "--format=tar", f"--output={built / 'project' / 'tree.tar'}", TAG)
    repository.git("bundle", "create", "--quiet", str(built / "project" / "history.bundle"), TAG)
    return commit


def _copy(folder: Path, files: Iterable[Path]) -> None:
    for file in files:
        folder.mkdir(exist_ok=True)
        try:
            # an image is large, and is replaced but never written to again: one copy of it on a disk is enough
            (folder / file.name).hardlink_to(file) if file.suffix == ".tar" else shutil.copy2(file, folder / file.name)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK):
                raise
            shutil.copy2(file, folder / file.name)


def _entries(folder: Path) -> tuple[Entry, ...]:
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file != folder / MANIFEST)
    return tuple(Entry(file.relative_to(folder).as_posix(), file.stat().st_size, _sha256(file)) for file in files)


def read(folder: Path) -> Manifest:
    """Return an archive's manifest.

    Raises:
        ChangeFailedError: There is none, or it cannot be read.
    """
    try:
        raw: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
        files = tuple(Entry(**entry) for entry in raw.pop("files"))
        return Manifest(files=files, **raw)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ChangeFailedError(f"{folder} is no archive: {error}", "lighthouse-migrate archive list") from error


def digest(folder: Path) -> str:
    """Return the SHA-256 of an archive's manifest, which names that of every file."""
    return _sha256(folder / MANIFEST)


def verify(folder: Path) -> tuple[str, ...]:
    """Return what is wrong with an archive, empty when every file is there and has its digest."""
    try:
        manifest = read(folder)
    except ChangeFailedError as error:
        return (error.message,)
    if manifest.format != FORMAT:
        return (f"its format is {manifest.format}, this program reads {FORMAT}",)
    now = {entry.path: entry for entry in _entries(folder)}
    problems = [f"{entry.path} is missing" for entry in manifest.files if entry.path not in now]
    problems += [f"{e.path} was changed" for e in manifest.files if e.path in now and now[e.path] != e]
    return (
        *problems,
        *(f"{path} does not belong to it" for path in sorted(now.keys() - {e.path for e in manifest.files})),
    )


def restore(folder: Path, into: Path) -> Path | None:
    """Restore the project with its history into a new folder at the tag, and return it; None if none is archived.

    Raises:
        ChangeFailedError: The archive is damaged, or git cannot restore it.
    """
    problems = verify(folder)
    if problems:
        raise ChangeFailedError(f"the archive {folder} is damaged: {problems[0]}", "restore it from your backup")
    bundle = folder / "project" / "history.bundle"
    if not bundle.exists():
        return None
    into.parent.mkdir(parents=True, exist_ok=True)
    command = ["git", "-c", "advice.detachedHead=false", "clone", "--quiet", "--branch", TAG, str(bundle), str(into)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise ChangeFailedError(
            f"the project could not be restored: {done.stderr.strip()}", f"git bundle verify {bundle}"
        )
    return into


def give_back(folder: Path, part: str, into: Path) -> tuple[Path, ...]:
    """Put the files of one part of an archive where they are missing, and return those.

    Raises:
        ChangeFailedError: One of them is not what was archived, or cannot be written.
    """
    entries = {entry.path: entry for entry in read(folder).files}
    given = []
    for file in sorted((folder / part).glob("*")):
        if (into / file.name).exists():
            continue
        entry = entries.get(f"{part}/{file.name}")
        if entry is None or _sha256(file) != entry.sha256:
            raise ChangeFailedError(f"{file} is not what was archived", "lighthouse-migrate archive verify")
        try:
            into.mkdir(parents=True, exist_ok=True)
            beside = into / f".{file.name}.new"
            shutil.copy2(file, beside)
            beside.replace(into / file.name)
        except OSError as error:
            raise ChangeFailedError(f"{file} cannot be given back: {error}", f"df -h {into}") from error
        given.append(into / file.name)
    return tuple(given)


def rehearse(folder: Path) -> tuple[str, ...]:
    """Restore everything once in a scratch folder and return what went wrong, empty when all of it came back.

    The project must come back at the commit of the tag, whole; every wheel must install without a network; an image
    must have every layer that it lists, each with its digest; a .deb must unpack.
    """
    with tempfile.TemporaryDirectory(prefix="restore-") as name:
        scratch = Path(name)
        try:
            project = restore(folder, scratch / "project")
        except ChangeFailedError as error:
            return (error.message,)
        problems = _compare(folder, project) if project is not None else []
        problems += restoring.images(sorted((folder / "images").glob("*.tar")))
        problems += restoring.packages(sorted((folder / "packages").glob("*.deb")), scratch / "root")
        problems += restoring.wheels(sorted((folder / "wheels").glob("*.whl")), scratch / "site")
    return tuple(problems)


def _compare(folder: Path, project: Path) -> list[str]:
    restored = Repository(project)
    wanted = read(folder).commit
    problems = [] if restored.resolve("HEAD") == wanted else [f"the project did not come back at {wanted[:10]}"]
    problems += [f"{path} was not restored as it was" for path in restored.dirty()]
    with tarfile.open(folder / "project" / "tree.tar") as tree:
        return problems if tree.getmembers() else [*problems, "the tar of the project is empty"]


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
