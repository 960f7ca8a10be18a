"""Comparing what two mounts of one tree show of a path, without mistaking a change in between for a difference.

A sample of the tap becomes questions about its path: a read is asked for again, of a change its effect is looked at.
Both sides answer, and what they answer is compared field by field; what is left out, and why, is ``observe.IGNORED``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from dualfuse.observe import AS_OF, ASPECTS, BYTES, LONGEST, XATTR, Observation
from dualfuse.tap import Sample

# What has to be asked to see an operation's answer again, or its effect; the last one is the operation's own.
QUESTIONS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("getattr", "chmod", "chown", "utimens", "rename", "unlink", "rmdir", "link"), ("attributes",)),
    **dict.fromkeys(("mkdir", "mknod"), ("attributes",)),
    "open": ("attributes", "opened"),
    "read": ("attributes",),  # and the bytes that were read
    **dict.fromkeys(("create", "write", "truncate", "release"), ("attributes", "content")),
    "readdir": ("attributes", "listing"),
    **dict.fromkeys(("symlink", "readlink"), ("attributes", "target")),
    **dict.fromkeys(("getxattr", "setxattr", "listxattr", "removexattr"), ("attributes", "xattrs")),
}
# These change what their folder lists, so the folder is looked at as well, on behalf of readdir.
CHANGE_NAMES = frozenset({"create", "link", "mkdir", "mknod", "rename", "rmdir", "symlink", "unlink"})
# What a path is asked that no operation drew attention to: silent divergence is found so, by time or a stale cache.
AGAIN: Mapping[str, tuple[str, ...]] = {
    "getattr": ("attributes",),
    "read": ("content",),
    "readdir": ("listing",),
    "readlink": ("target",),
    "listxattr": ("xattrs",),
}
MOST_BYTES = 8  # ranges of one file that are asked for at once
CONFIRMATIONS = 3  # times a difference must be seen, each between two equal answers of the primary

Wanted = dict[str, dict[str, tuple[str, ...]]]  # by path, by operation: the questions asked on its behalf
Asked = list[tuple[str, list[str]]]
Look = Callable[[Asked], Sequence[Observation]]


class Outcome(StrEnum):
    """What became of one comparison."""

    SAME = "same"
    RACED = "raced"  # the primary itself changed in between: no verdict, and not counted
    DIVERGENT = "divergent"


@dataclass(frozen=True, slots=True)
class Compared:
    """One path that was compared, on behalf of the operations that were seen on it."""

    path: str
    wanted: Mapping[str, tuple[str, ...]]
    outcome: Outcome
    primary: Observation
    shadow: Observation

    def differing(self) -> tuple[str, ...]:
        """Return the questions that were answered differently."""
        keys = [*self.primary, *(key for key in self.shadow if key not in self.primary)]
        return tuple(key for key in keys if self.primary.get(key) != self.shadow.get(key))

    def operations(self) -> tuple[str, ...]:
        """Return the operations that were compared: one of their own questions was answered, or the path is gone.

        What is gone on both sides is one comparison, however much would have been asked of it.
        """
        answered = {*self.primary, *self.shadow}
        if "error" in answered:
            return tuple(self.wanted)[: 1 if self.primary == self.shadow else None]
        return tuple(name for name, questions in self.wanted.items() if questions[-1] in answered)

    def diverged(self) -> tuple[str, ...]:
        """Return the operations that concern what differs."""
        if self.outcome is not Outcome.DIVERGENT:
            return ()
        differing = set(self.differing())
        if "error" in differing:
            return self.operations()
        concerned = (name for name in self.operations() if differing & set(self.wanted[name]))
        return tuple(concerned) or self.operations()


def wanted(samples: Iterable[Sample], skipped: Callable[[str], bool] = lambda _: False) -> Wanted:
    """Return the questions by path and operation: one look at a path judges all that was done to it.

    Paths for which ``skipped`` is true, and libfuse's hidden files, are left out.
    """
    found: Wanted = {}
    for operation, absolute, detail in samples:
        path = absolute.strip("/")
        if operation not in QUESTIONS or "/.fuse_hidden" in absolute or skipped(path):
            continue
        operations = found.setdefault(path, {})
        questions = dict.fromkeys((*operations.get(operation, ()), *QUESTIONS[operation], *_about(operation, detail)))
        operations[operation] = tuple(questions)
        folder = path.rpartition("/")[0]
        if operation in CHANGE_NAMES and not skipped(folder):
            found.setdefault(folder, {})["readdir"] = QUESTIONS["readdir"]
    return found


def _about(operation: str, detail: object) -> Iterable[str]:
    """Return the questions that repeat what a call was about."""
    if operation in ("read", "write") and isinstance(detail, list | tuple):
        offset, size = detail
        yield f"{BYTES}{offset}:{min(int(size), LONGEST)}"
    elif isinstance(detail, str) and detail:
        yield f"{XATTR}{detail}"


def compare(wanted: Wanted, primary: Look, shadow: Look) -> list[Compared]:
    """Look at paths on the primary and then on the shadow, and judge each.

    Where the two differ the primary is asked again: if it differs from itself the path was changed in between. What
    still differs is looked at again, in all aspects, which also brings what open files buffered to the store; a real
    difference stays, and both sides' last answers are returned.
    """
    asked = [(path, _questions(operations)) for path, operations in wanted.items()]
    judged = {
        path: Compared(path, wanted[path], Outcome.SAME, _visible(one), _visible(other))
        for (path, _), one, other in zip(asked, primary(asked), shadow(asked), strict=True)
    }
    suspects = [(path, [*dict.fromkeys((*ASPECTS, *q))]) for path, q in asked if judged[path].differing()]
    for _ in range(CONFIRMATIONS):
        if not suspects:
            break
        for path, outcome, one, other in _confirmed(suspects, primary, shadow):
            judged[path] = Compared(path, wanted[path], outcome, one, other)
        suspects = [(path, q) for path, q in suspects if judged[path].outcome is Outcome.DIVERGENT]
    return list(judged.values())


def _confirmed(asked: Asked, primary: Look, shadow: Look) -> Iterable[tuple[str, Outcome, Observation, Observation]]:
    before, beside, after = primary(asked), shadow(asked), primary(asked)
    for (path, _), one, other, again in zip(asked, before, beside, after, strict=True):
        if one != again:
            yield path, Outcome.RACED, _visible(again), _visible(other)
        else:
            same = _visible(one) == _visible(other)
            yield path, Outcome.SAME if same else Outcome.DIVERGENT, _visible(one), _visible(other)


def _visible(observation: Observation) -> Observation:
    return {key: value for key, value in observation.items() if key != AS_OF}


def _questions(operations: Mapping[str, tuple[str, ...]]) -> list[str]:
    needed = dict.fromkeys(question for questions in operations.values() for question in questions)
    ranges = [question for question in needed if question.startswith(BYTES)]
    return [question for question in needed if question not in ranges[MOST_BYTES:]]
