"""The purge of a project as ordered actions: the tag, one commit for each kind of thing, and last the branch shown."""

from __future__ import annotations

from pathlib import Path

from cleanup.action import Action, Say, unified
from cleanup.inventory import KINDS, Kind
from cleanup.repository import BRANCH, TAG, Edits, Repository, Tree
from deployment.errors import ChangeFailedError

_SHOWING = "lighthouse-migrate-showing"  # in the git folder while the working tree is on its way
_BEFORE = "lighthouse-migrate.before"  # git's setting of the branch that the working tree showed before the purge


def actions(project: Path) -> tuple[Action, ...]:
    """Return what is still to be done in a project, in order; empty when the purge is complete.

    Nothing is touched. Asked again after an interruption it returns the rest. The tag comes first and by itself, so
    that an archive can be made of it before anything goes.

    Raises:
        UsageError: The project is no git repository, or its working tree is not clean.
    """
    repository = Repository(project)
    if not _showing(repository).exists():
        repository.require_clean()
    tree = repository.tree(BRANCH if repository.resolve(BRANCH) else "HEAD")
    edits: list[Action] = []
    for kind in KINDS:
        found = kind.edits(tree)
        if found:
            edits.append(_edit(repository, kind, found, tree))
            tree = tree.edited(found)
    tag, branch, show = _tag(repository), _branch(repository), _show(repository)
    begun = branch.holds() is None
    ordered = [
        *([tag] if tag.holds() is not None else []),
        *([branch] if edits and not begun else []),
        *edits,
        *([show] if edits or (begun and show.holds() is not None) else []),
    ]
    return tuple(ordered)


def way_back(project: Path) -> tuple[Action, ...]:
    """Return what brings the working tree back to what it showed before the purge; empty where it shows that.

    The branch of the purge stays, for the day the walk is taken up again.

    Raises:
        UsageError: The project is no git repository.
    """
    repository = Repository(project)
    if repository.current() != BRANCH and not _showing(repository).exists():
        return ()
    before = repository.setting(_BEFORE)
    there = before if before and repository.resolve(before) else TAG
    now = "halfway" if _showing(repository).exists() else f"shows {repository.current()}"

    def apply(say: Say) -> None:
        if not _showing(repository).exists():
            repository.require_clean()
            _mark(repository)
        _bring_tree(repository, there, again=True)
        say(f"the working tree shows {there} again")

    def holds() -> str | None:
        at = repository.resolve("HEAD") == repository.resolve(there) and repository.current() != BRANCH
        return None if at and not _showing(repository).exists() else f"the working tree shows {repository.current()}"

    undo = f"git -C {repository.project} switch {BRANCH}"
    return (Action("working tree", now, f"shows {there}", undo, (), apply, holds, lambda: ""),)


def _tag(repository: Repository) -> Action:
    def apply(_say: Say) -> None:
        if repository.resolve(TAG) is None:
            repository.require_clean()
            repository.git("tag", TAG, "HEAD")

    def holds() -> str | None:
        return None if repository.resolve(TAG) else "the tag does not exist"

    undo = f"git -C {repository.project} tag -d {TAG}"
    return Action(f"tag {TAG}", "absent", "the project as it is", undo, (), apply, holds, lambda: "")


def _branch(repository: Repository) -> Action:
    def apply(_say: Say) -> None:
        if repository.resolve(BRANCH) is None:
            repository.require_clean()
            repository.git("update-ref", f"refs/heads/{BRANCH}", TAG, "")

    def holds() -> str | None:
        return None if repository.resolve(BRANCH) else "the branch does not exist"

    undo = f"git -C {repository.project} branch -D {BRANCH}"
    return Action(f"branch {BRANCH}", "absent", f"begins at {TAG}", undo, (), apply, holds, lambda: "")


def _edit(repository: Repository, kind: Kind, planned: Edits, tree: Tree) -> Action:
    files = tuple(sorted(planned))

    def apply(say: Say) -> None:
        if repository.resolve(TAG) is None or repository.resolve(BRANCH) is None:
            raise ChangeFailedError(f"there is no way back from purging {kind.name} yet", f"git tag {TAG}")
        edits = kind.edits(repository.tree(BRANCH))
        if not edits:
            return
        if repository.current() == BRANCH and not _showing(repository).exists():
            repository.require_clean()
            _mark(repository)
        made = repository.commit(BRANCH, edits, f"{kind.message}\n")
        if repository.current() == BRANCH:
            _bring_tree(repository, BRANCH, again=False)
        say(f"{kind.message} ({len(edits)} {'file' if len(edits) == 1 else 'files'}, {made[:10]})")

    def holds() -> str | None:
        if repository.resolve(BRANCH) is None:
            return f"the branch {BRANCH} does not exist"
        left = kind.edits(repository.tree(BRANCH))
        return f"{next(iter(left))} still knows the old backend" if left else None

    before = files[0] if len(files) == 1 else f"{len(files)} files"
    undo = f"git -C {repository.project} checkout {TAG} -- {' '.join(files[:3])}{' …' if files[3:] else ''}"
    return Action(kind.name, before, kind.after, undo, files, apply, holds, lambda: unified(tree, planned))


def _show(repository: Repository) -> Action:
    before = repository.current()

    def apply(say: Say) -> None:
        again = _showing(repository).exists()
        if not again:
            repository.require_clean()
            if before not in ("HEAD", BRANCH):
                repository.git("config", _BEFORE, before)
            _mark(repository)
        _bring_tree(repository, BRANCH, again=again)
        say(f"the working tree shows {BRANCH}")

    def holds() -> str | None:
        if _showing(repository).exists():
            return "the working tree was left halfway"
        now = repository.current()
        return None if now == BRANCH else f"the working tree shows {now}"

    undo = f"git -C {repository.project} switch {before if before != 'HEAD' else f'--detach {TAG}'}"
    return Action("working tree", f"shows {before}", f"shows {BRANCH}", undo, (), apply, holds, lambda: "")


def _showing(repository: Repository) -> Path:
    return repository.folder / _SHOWING


def _mark(repository: Repository) -> None:
    """Note that the working tree was clean, and at which commit, before git begins to change it."""
    new = repository.folder / f"{_SHOWING}.new"
    new.write_text(repository.resolve("HEAD") or "")
    new.replace(_showing(repository))


def _bring_tree(repository: Repository, ref: str, *, again: bool) -> None:
    """Bring the working tree to a branch or the tag; `again`: a run that was killed may have left it halfway.

    Raises:
        ChangeFailedError: Somebody changed a file since; nothing of theirs is thrown away.
    """
    mark = _showing(repository)
    if again:
        states = [repository.tree(ref) for ref in (mark.read_text().strip(), BRANCH, TAG)]
        for path in repository.dirty():
            file = repository.project / path
            if not any(path in tree.content for tree in states) or not file.is_file():
                continue  # an untracked file that git leaves alone, or one that is already gone
            if file.read_bytes() not in [tree.content.get(path) for tree in states]:
                hint = f"save your change of it, then: git -C {repository.project} checkout {path}"
                raise ChangeFailedError(f"{path} was changed while the purge was interrupted", hint)
        (repository.folder / "index.lock").unlink(missing_ok=True)  # of the git that was killed
    repository.git("-c", "advice.detachedHead=false", "checkout", "--quiet", "--force", ref, "--")
    mark.unlink()
