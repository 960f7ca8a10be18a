"""Week 8's steps beyond the deployment: the archive before anything goes, then the project's purge, then the proof.

What they need is imported when they are asked for: their parsers are heavy, and seven weeks do without them.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deployment.errors import OperatorError
from deployment.targets.target import Target
from runbook.clock import Clock
from runbook.journal import Journal
from runbook.settings import Settings
from runbook.steps import Say, Step


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

    def first(self) -> tuple[Step, ...]:
        """Return what must be done before anything is purged: the tag, and an archive that was restored once."""
        tag = tuple(s for s in self._project_steps() if s.subject.startswith("tag "))
        return (*tag, *([self._archive()] if self._archive_is_wrong() else []))

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

    def _archive(self) -> PurgeStep:
        undo = f"rm -r {self._folder}"
        return PurgeStep("archive", "absent", "restored once", undo, self._make_archive, self._archive_is_wrong)

    def _archive_is_wrong(self) -> str | None:
        from cleanup import archive

        if not self._folder.exists():
            return "there is no archive"
        return next(iter(archive.verify(self._folder)), None)

    def _make_archive(self, say: Say) -> None:
        from cleanup import archive

        state, project = self._settings.place.state, self._settings.project
        export = state / "journal.jsonl"
        lines = (json.dumps([e.seq, e.at, e.kind, e.data, e.hash]) for e in self._journal.events())
        export.write_text("\n".join(lines) + "\n", encoding="utf-8")
        store = state / "archived-store.sqlite"
        _copy_store(self._settings.place.store, store)
        contents = archive.Contents(
            project=project, wheels=state / "wheels", journal=export, others=(self._settings.path, store)
        )
        manifest = archive.make(self._folder, contents, self._clock.now())
        store.unlink()
        say(f"archived {manifest.bytes / 1e6:.1f} MB in {self._folder}; every file and wheel was restored once")

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


def _nothing(_say: Say) -> None:
    """Do nothing: a proof only looks."""
