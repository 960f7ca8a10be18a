"""Week 8's steps beyond the deployment: the archive before anything goes, then the project's purge, then the proof.

What they need is imported when they are asked for: their parsers are heavy, and seven weeks do without them.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deployment.errors import OperatorError
from deployment.model import Side
from deployment.targets.target import Say, Target
from runbook.clock import Clock
from runbook.journal import Journal
from runbook.settings import Settings
from runbook.steps import Step


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


class Purge:
    """The cleanup of one deployment."""

    def __init__(self, settings: Settings, target: Target, journal: Journal, clock: Clock) -> None:
        self._settings, self._target, self._journal, self._clock = settings, target, journal, clock
        self._left_alone = False  # somebody's work is in the project's working tree

    def first(self) -> tuple[Step, ...]:
        """Return what must be done before anything is purged: the tag, and an archive that was restored once."""
        tag = tuple(s for s in self._project_steps() if s.subject.startswith("tag "))
        guard = () if self._somebody_needs_fusepy() is None else (self._guard(),)
        return (*guard, *tag, *([self._archive()] if self._archive_is_wrong() else []))

    def back(self) -> tuple[Step, ...]:
        """Return what a rollback gives back from the archive before the deployment changes: images and packages."""
        if not self._folder.exists():
            return ()
        return (self._giving_back(),) if self._missing() else ()

    def shown_again(self) -> tuple[Step, ...]:
        """Return what brings the project's working tree back, once fusepy serves; it never holds a rollback up."""
        if self._settings.project is None or not self._folder.exists() or self._left_alone:
            return ()
        from cleanup import plan

        try:
            found = plan.way_back(self._settings.project)
        except OperatorError:
            return ()  # no repository any more: the archive has it
        return tuple(PurgeStep(a.subject, a.before, a.after, a.undo, self._if_clean(a.apply), _always) for a in found)

    def last(self) -> tuple[Step, ...]:
        """Return what is to be done once pyfuse3 alone serves: the project's purge and the proof that all is gone."""
        project = tuple(s for s in self._project_steps() if not s.subject.startswith("tag "))
        return (*project, *self._proofs())

    @property
    def _folder(self) -> Path:
        return self._settings.place.state / "archive"

    def _project_steps(self) -> tuple[PurgeStep, ...]:
        from cleanup import plan

        if self._settings.project is None:
            return ()
        found = plan.actions(self._settings.project)
        return tuple(
            PurgeStep(a.subject, a.before, a.after, a.undo, a.apply, a.holds, purges=bool(a.files)) for a in found
        )

    def _guard(self) -> PurgeStep:
        hint = "`lighthouse-migrate status` shows who serves whom"
        return PurgeStep("guard", "fusepy", "nobody needs fusepy", hint, _nothing, self._somebody_needs_fusepy)

    def _somebody_needs_fusepy(self) -> str | None:
        """Return who still stands on the old backend, or None where it may go."""
        seen = self._target.observe()
        if seen.serving(Side.STABLE) is None:
            return None  # it is gone already
        if seen.router and seen.weight != 100:
            return f"{'?' if seen.weight is None else 100 - seen.weight}% of the clients are on the stable side"
        shown = seen.named(seen.live) if seen.live else None
        if shown is None or shown.serving != "pyfuse3":
            return f"the live path shows {shown.serving if shown else 'nobody known'}"
        return None

    def _if_clean(self, act: Callable[[Say], None]) -> Callable[[Say], None]:
        def apply(say: Say) -> None:
            try:
                act(say)
            except OperatorError as error:
                say(f"! the project was left as it is: {error.message}")
                self._left_alone = True

        return apply

    def _parts(self) -> tuple[tuple[str, Path], ...]:
        return (("wheels", self._settings.place.state / "wheels"), ("images", self._settings.place.state / "images"))

    def _missing(self) -> list[Path]:
        """Return the archive's packages and images that the target no longer has."""
        found = ((folder, file) for part, folder in self._parts() for file in (self._folder / part).glob("*"))
        return [file for folder, file in found if not (folder / file.name).exists()]

    def _giving_back(self) -> PurgeStep:
        from cleanup import archive

        def act(say: Say) -> None:
            for part, folder in self._parts():
                given = archive.give_back(self._folder, part, folder)
                if given:
                    say(f"gave {len(given)} {part} back from the archive")

        def holds() -> str | None:
            left = self._missing()
            return f"{left[0].name} was not given back" if left else None

        return PurgeStep("from archive", f"{len(self._missing())} missing", "given back", "none needed", act, holds)

    def _archive(self) -> PurgeStep:
        undo = f"rm -r {self._folder}"
        return PurgeStep("archive", "absent", "restored once", undo, self._make_archive, self._archive_is_wrong)

    def _archive_is_wrong(self) -> str | None:
        from cleanup import archive

        if not self._folder.exists():
            return "there is no archive"
        return next(iter(archive.verify(self._folder)), None)

    def _make_archive(self, say: Say) -> None:
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
            manifest = archive.make(self._folder, contents, self._clock.now())
        say(f"archived {manifest.bytes / 1e6:.1f} MB in {self._folder}; everything in it was restored once")

    def _images(self, say: Say) -> tuple[Path, ...]:
        """Return the images with fusepy as files; on this machine an image is made from the wheels."""
        if self._target.kind != "docker":
            return ()
        from deployment.targets import docker_archive

        return docker_archive.keep(self._settings.place, say)

    def _proofs(self) -> tuple[PurgeStep, ...]:
        from cleanup import proof

        claims = proof.prove(self._target, self._settings.place, self._settings.project)
        return tuple(
            PurgeStep("proof", "unproved", claim.claim, "none needed", _nothing, self._proved(claim.claim))
            for claim in claims
            if not claim.holds
        )

    def _proved(self, claim: str) -> Callable[[], str | None]:
        def holds() -> str | None:
            from cleanup import proof

            claims = proof.prove(self._target, self._settings.place, self._settings.project)
            now = next(c for c in claims if c.claim == claim)
            return None if now.holds else now.detail

        return holds


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


def _always() -> str | None:
    return None


def _nothing(_say: Say) -> None:
    """Do nothing: a proof only looks."""
