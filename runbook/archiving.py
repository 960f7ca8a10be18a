"""The archive of one deployment: made and restored once before anything goes, and given back by a rollback."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployment.errors import OperatorError
from deployment.targets.target import Say, Target
from runbook.clock import Clock
from runbook.journal import Journal
from runbook.settings import Settings
from runbook.steps import Step

HOST = "host packages"  # how a change of this host's packages is called in the journal


@dataclass(frozen=True, slots=True)
class PurgeStep:
    """Something of the cleanup, as a step of the plan."""

    subject: str
    before: str
    after: str
    undo: str
    act: Callable[[Say], None]
    holds: Callable[[], str | None]
    purges: bool = False

    def apply(self, say: Say) -> None:
        self.act(say)

    def unverified(self) -> str | None:
        return self.holds()


class Archiving:
    """The archive of one deployment, and what is written down about it."""

    def __init__(self, settings: Settings, target: Target, journal: Journal, clock: Clock) -> None:
        self._settings, self._target, self._journal, self._clock = settings, target, journal, clock
        self.folder = settings.place.state / "archive"

    def step(self) -> PurgeStep:
        """Return the step that makes it."""
        undo = f"rm -r {self.folder}"
        return PurgeStep("archive", "absent", "restored once", undo, self._make, self.is_wrong)

    def is_wrong(self) -> str | None:
        """Return what is wrong with the archive, or that there is none; None where it is whole."""
        from cleanup import archive

        if not self.folder.exists():
            return "there is no archive"
        return next(iter(archive.verify(self.folder)), None)

    def _make(self, say: Say) -> None:
        import tempfile  # `status` assembles an engine, and does without

        from cleanup import archive, debs

        place, project = self._settings.place, self._settings.project
        with tempfile.TemporaryDirectory(prefix=".archiving-", dir=place.state) as name:
            scratch = Path(name)
            export, store = scratch / "journal.jsonl", scratch / "store.sqlite"
            lines = (json.dumps([e.seq, e.at, e.kind, e.data, e.hash]) for e in self._journal.events())
            export.write_text("\n".join(lines) + "\n", encoding="utf-8")
            _copy_store(place.store, store)
            packages, missing = debs.gather(scratch / "packages")
            if missing:
                say(f"! not to be had as .deb, and so not archived: {', '.join(missing)}")
            contents = archive.Contents(
                project=project,
                wheels=place.state / "wheels",
                images=self._images(say),
                packages=packages,
                journal=export,
                others=(
                    self._settings.path,
                    store,
                    *(f for f in (place.state / "haproxy" / "haproxy.cfg",) if f.exists()),
                ),
            )
            manifest = archive.make(self.folder, contents, self._clock.now())
        self.record("image-sizes", bytes=self.sizes())
        told = {"folder": str(self.folder), "files": len(manifest.files), "bytes": manifest.bytes}
        self.record("archive", **told, sha256=archive.digest(self.folder))
        say(f"archived {manifest.bytes / 1e6:.1f} MB in {self.folder}; everything in it was restored once")

    def _images(self, say: Say) -> tuple[Path, ...]:
        """Return the images with fusepy as files; on this machine an image is made from the wheels."""
        if self._target.kind != "docker":
            return ()
        from deployment.targets import docker_archive

        return docker_archive.keep(self._settings.place, say)

    def back(self) -> tuple[Step, ...]:
        """Return what a rollback gives back from the archive before the deployment changes."""
        if not self.folder.exists():
            return ()
        library = (self._library_step(),) if self._host_lacks_library() else ()
        return (*library, *((self._giving_back(),) if self._missing() else ()))

    def _host_lacks_library(self) -> str | None:
        """Return that libfuse2 is not there, where this host's own is what the Bridges load and we took it away."""
        taken = any(e.kind == "change-done" and e.data["change"] == HOST for e in self._journal.events())
        if self._target.kind != "local" or not taken:
            return None
        from cleanup.host import Host

        return None if Host().has_library() else "libfuse.so.2 is not on this host"

    def _library_step(self) -> PurgeStep:
        def act(say: Say) -> None:
            from cleanup.host import Host

            debs = [str(deb) for deb in sorted((self.folder / "packages").glob("*.deb"))]
            Host().give_back(debs)
            say("libfuse2 is installed again, from the archive")

        undo = "`lighthouse-migrate cleanup --host`"
        return PurgeStep(HOST, "without libfuse2", "with libfuse2", undo, act, self._host_lacks_library)

    def _parts(self) -> tuple[tuple[str, Path], ...]:
        return (("wheels", self._settings.place.state / "wheels"), ("images", self._settings.place.state / "images"))

    def _missing(self) -> list[Path]:
        """Return the archive's packages and images that the target no longer has."""
        found = ((folder, file) for part, folder in self._parts() for file in (self.folder / part).glob("*"))
        return [file for folder, file in found if not (folder / file.name).exists()]

    def _giving_back(self) -> PurgeStep:
        from cleanup import archive

        def act(say: Say) -> None:
            for part, folder in self._parts():
                given = archive.give_back(self.folder, part, folder)
                if given:
                    say(f"gave {len(given)} {part} back from the archive")

        def holds() -> str | None:
            left = self._missing()
            return f"{left[0].name} was not given back" if left else None

        return PurgeStep("from archive", f"{len(self._missing())} missing", "given back", "none needed", act, holds)

    def sizes(self) -> dict[str, int]:
        """Return the bytes of each image that is there."""
        if self._target.kind == "docker":
            from deployment.targets import docker_archive

            return docker_archive.sizes(self._settings.place)
        folders = self._settings.place.state.glob("images/*/")
        return {f.name: sum(file.lstat().st_size for file in f.rglob("*")) for f in folders}

    def record(self, name: str, **data: Any) -> None:
        """Write evidence down."""
        self._journal.append(self._clock.now(), "evidence", name=name, data=data)

    def recorded(self, name: str) -> bool:
        """Return whether something was written down since the last rollback."""
        found = False
        for event in self._journal.events():
            if event.kind == "rolled-back":
                found = False
            found = found or (event.kind == "evidence" and event.data["name"] == name)
        return found


def _copy_store(store: Path, into: Path) -> None:
    """Copy the event store as it is at one instant (https://www.sqlite.org/backup.html)."""
    try:
        source, copy = sqlite3.connect(store), sqlite3.connect(into)
        with copy:
            source.backup(copy)
        source.close()
        copy.close()
    except sqlite3.Error as error:
        raise OperatorError(f"the event store {store} cannot be copied: {error}", f"`df -h {into.parent}`") from error
