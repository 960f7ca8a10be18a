"""kill -9 at every boundary of the purge: going on ends purged and archived, going back ends where it began."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cleanup import archive, debs
from cleanup.repository import BRANCH, TAG, Repository

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass
class Kills:
    """What came of it."""

    points: int = 0
    recovered: int = 0
    failures: list[str] = field(default_factory=list)


class Ground:
    """One project with its settings, made afresh for every kill."""

    def __init__(self, folder: Path, project: Path) -> None:
        self._folder, self._original = folder, project
        self.project, self.settings = folder / "project", folder / "lighthouse-migrate.toml"
        self._tree = ""
        debs.gather(folder.with_name("debs"))

    def renew(self) -> None:
        """Begin anew."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        shutil.copytree(self._original, self.project, symlinks=True)
        self.settings.write_text('name = "kills"\nproject = "project"\n[target]\nstate = "state"\nlive = "live"\n')
        (self._folder / "state").mkdir()

    def walk(self, way: str, until: int = 0) -> subprocess.CompletedProcess[str]:
        """Walk one way in a process of its own."""
        command = [sys.executable, "-m", "benchmarks.cleaning.killed", str(self.settings), way, str(until)]
        return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)

    def boundaries(self) -> int:
        """Purge without a kill; remember what that ends in, and return how many boundaries there are."""
        self.renew()
        done = self.walk("forward")
        if done.returncode != 0:
            raise SystemExit(f"the purge itself fails: {done.stderr[-600:]}")
        self._tree = self._git("rev-parse", f"{BRANCH}^{{tree}}")
        return int(done.stdout)

    def wrong_after_going_on(self) -> str | None:
        """Go on after a kill; return what is wrong then."""
        done = self.walk("forward")
        if done.returncode != 0:
            return done.stderr.strip()[-300:]
        if self._git("rev-parse", f"{BRANCH}^{{tree}}") != self._tree:
            return "the branch ends in other files"
        if self._git("branch", "--show-current") != BRANCH or self._git("status", "--porcelain"):
            return "the working tree does not show the branch, clean"
        return next(iter(archive.verify(self._folder / "state/archive")), None)

    def wrong_after_going_back(self) -> str | None:
        """Go back after a kill; return what is wrong then."""
        done = self.walk("back")
        if done.returncode != 0:
            return done.stderr.strip()[-300:]
        begun = Repository(self._original)
        if self._git("rev-parse", "HEAD") != begun.resolve("HEAD") or self._git("status", "--porcelain"):
            return "the working tree is not what it was"
        if self._git("branch", "--show-current") != begun.current():
            return "the working tree shows another branch than before"
        if self._git("tag", "--list", TAG) and self._git("rev-parse", TAG) != begun.resolve("HEAD"):
            return "the tag stands elsewhere"
        folder = self._folder / "state/archive"
        return next(iter(archive.verify(folder)), None) if folder.exists() else None

    def _git(self, *arguments: str) -> str:
        done = subprocess.run(["git", "-C", str(self.project), *arguments], capture_output=True, text=True, check=False)
        return done.stdout.strip()


def everywhere(ground: Ground, only: Iterable[int] | None = None) -> Kills:
    """Kill at every boundary, or only at some, and recover both ways."""
    found = Kills()
    last = ground.boundaries()
    for point in range(1, last + 1) if only is None else only:
        for recover in (ground.wrong_after_going_on, ground.wrong_after_going_back):
            ground.renew()
            killed = ground.walk("forward", point)
            if killed.returncode != -signal.SIGKILL:
                raise SystemExit(f"it was not killed at boundary {point}: {killed.stderr[-300:]}")
            found.points += 1
            wrong = recover()
            if wrong is None:
                found.recovered += 1
            else:
                found.failures.append(f"boundary {point}, {recover.__name__}: {wrong}")
    return found
