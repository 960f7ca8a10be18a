"""The project's git repository, through the git command.

Commits are made from blobs, trees and a temporary index, and end with one atomic move of the branch. The operator's
working tree is not touched by them, so that being killed anywhere leaves either the old commit or the new one.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deployment.errors import ChangeFailedError, UsageError

TAG = "pre-pyfuse3-migration"
BRANCH = "pyfuse3-only"
LARGEST = 1_000_000  # bytes; a larger file is no text that names a backend
_INDEX = "lighthouse-migrate-index"
_FALLBACK_IDENTITY = {
    "GIT_AUTHOR_NAME": "lighthouse-migrate",
    "GIT_AUTHOR_EMAIL": "lighthouse-migrate@localhost",
    "GIT_COMMITTER_NAME": "lighthouse-migrate",
    "GIT_COMMITTER_EMAIL": "lighthouse-migrate@localhost",
}

Edits = Mapping[str, bytes | None]  # new content by path; None: the file goes


@dataclass(frozen=True, slots=True)
class Tree:
    """The files of one commit: text by path, and of the rest the path only."""

    commit: str
    modes: Mapping[str, str]
    content: Mapping[str, bytes]  # files up to LARGEST bytes

    @property
    def paths(self) -> tuple[str, ...]:
        """Return every file's path, sorted."""
        return tuple(sorted(self.modes))

    def text(self, path: str) -> str:
        """Return a file as text that encodes to the same bytes again; empty for a file that is too large."""
        return self.content.get(path, b"").decode(errors="surrogateescape")

    def edited(self, edits: Edits) -> Tree:
        """Return the tree as it would be after edits."""
        kept = {path: data for path, data in self.content.items() if path not in edits}
        kept |= {path: data for path, data in edits.items() if data is not None}
        modes = {path: mode for path, mode in self.modes.items() if path in kept or path not in edits}
        return Tree(self.commit, modes, kept)


class Repository:
    """One project under git.

    Raises:
        UsageError: The folder is no git repository's top folder, or has no commit yet.
    """

    def __init__(self, project: Path) -> None:
        self.project = project.resolve()
        try:
            top = self.git("rev-parse", "--show-toplevel").decode().strip()
            self.folder = Path(self.git("rev-parse", "--absolute-git-dir").decode().strip())
        except ChangeFailedError as error:
            owner = self._foreign_owner()
            if owner is not None:
                # git refuses, and rightly: what root writes there its owner could not change any more
                raise UsageError(f"{project} belongs to {owner}", f"run this as {owner}, or make it root's") from error
            raise UsageError(f"{project} is no git repository: {error.message}", f"git -C {project} init") from error
        if Path(top).resolve() != self.project:
            raise UsageError(f"{project} is not the top folder of its git repository", f"name {top} in the settings")
        if self.resolve("HEAD") is None:
            raise UsageError(f"{project} has no commit yet", f"git -C {project} add . && git -C {project} commit")

    def _foreign_owner(self) -> str | None:
        """Return who owns the folder, where that is somebody else and git refuses it for that."""
        if not (self.project / ".git").exists() or self.project.stat().st_uid == os.geteuid():
            return None
        return self.project.owner()

    def git(self, *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None) -> bytes:
        """Run one git command and return what it printed.

        Raises:
            ChangeFailedError: It failed; the message is git's own.
        """
        # no hook of the project runs, nothing asks, and messages can be read
        settings = ["-c", "core.hooksPath=/dev/null", "-c", "tag.gpgSign=false", "-c", "commit.gpgSign=false"]
        command = ["git", "-C", str(self.project), *settings, *arguments]
        known = os.environ | {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"} | dict(environment or {})
        done = subprocess.run(command, input=stdin, capture_output=True, env=known)
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
            raise ChangeFailedError(f"git {arguments[0]} failed: {said[0]}", f"git -C {self.project} status")
        return done.stdout

    def resolve(self, ref: str) -> str | None:
        """Return the commit a ref stands for, or None."""
        with contextlib.suppress(ChangeFailedError):
            return self.git("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}").decode().strip()
        return None

    def setting(self, name: str) -> str:
        """Return a setting of this repository, or an empty text."""
        with contextlib.suppress(ChangeFailedError):
            return self.git("config", "--local", "--get", name).decode().strip()
        return ""

    def current(self) -> str:
        """Return the branch the working tree shows, or "HEAD" where it shows none."""
        return self.git("rev-parse", "--abbrev-ref", "HEAD").decode().strip()

    def dirty(self) -> tuple[str, ...]:
        """Return the paths of the working tree that are not committed, untracked ones too."""
        lines = self.git("status", "--porcelain", "-z", "--untracked-files=normal").split(b"\0")
        return tuple(os.fsdecode(line[3:]) for line in lines if line[2:3] == b" ")

    def require_clean(self) -> None:
        """Refuse to go on over uncommitted work.

        Raises:
            UsageError: The working tree is not clean.
        """
        dirty = self.dirty()
        if dirty:
            more = f" and {len(dirty) - 1} more" if dirty[1:] else ""
            hint = f"commit or stash it: git -C {self.project} stash --include-untracked"
            raise UsageError(f"the working tree of {self.project} is not clean: {dirty[0]}{more}", hint)

    def tree(self, ref: str) -> Tree:
        """Return the files of a commit."""
        commit = self.resolve(ref)
        if commit is None:
            raise ChangeFailedError(f"{self.project} has no {ref}", f"git -C {self.project} log --all --oneline")
        modes, small = {}, {}
        for entry in self.git("ls-tree", "-r", "-l", "-z", commit).split(b"\0"):
            if entry:
                facts, _, name = entry.partition(b"\t")
                mode, kind, digest, size = facts.split()
                if kind == b"blob":
                    path = os.fsdecode(name)
                    modes[path] = mode.decode()
                    if int(size) <= LARGEST and mode != b"120000":  # a symbolic link has no text of its own
                        small[path] = digest
        return Tree(commit, modes, dict(zip(small, self._blobs(list(small.values())), strict=True)))

    def _blobs(self, digests: list[bytes]) -> list[bytes]:
        found, out, at = [], self.git("cat-file", "--batch", stdin=b"\n".join(digests) + b"\n") if digests else b"", 0
        for _ in digests:
            end = out.index(b"\n", at)
            size = int(out[at:end].split()[2])
            found.append(out[end + 1 : end + 1 + size])
            at = end + 2 + size
        return found

    def commit(self, branch: str, edits: Edits, message: str) -> str:
        """Commit edits on top of a branch, moving it in one atomic step, and return the new commit."""
        tree = self.tree(branch)
        index = self.folder / f"{_INDEX}.{os.getpid()}"
        lines = []
        for path, data in edits.items():
            digest, mode = "0" * 40, "0"
            if data is not None:
                digest = self.git("hash-object", "-w", "--stdin", stdin=data).decode().strip()
                mode = tree.modes.get(path, "100644")
            lines.append(f"{mode} {digest}\t".encode() + os.fsencode(path))
        own = {"GIT_INDEX_FILE": str(index)}
        try:
            self.git("read-tree", tree.commit, environment=own)
            self.git("update-index", "-z", "--index-info", stdin=b"\0".join(lines) + b"\0", environment=own)
            root = self.git("write-tree", environment=own).decode().strip()
        finally:
            for left in self.folder.glob(f"{_INDEX}.*"):  # also of a run that was killed
                left.unlink(missing_ok=True)
        made = (
            self.git("commit-tree", root, "-p", tree.commit, "-m", message, environment=self._identity())
            .decode()
            .strip()
        )
        self.git("update-ref", f"refs/heads/{branch}", made, tree.commit)
        return made

    def _identity(self) -> dict[str, str]:
        try:
            self.git("var", "GIT_COMMITTER_IDENT")
        except ChangeFailedError:
            return _FALLBACK_IDENTITY
        return {}
