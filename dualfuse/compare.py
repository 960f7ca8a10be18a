"""Comparing what two mounts of one store show of a path, without mistaking a change in between for a difference."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dualfuse.observe import AS_OF, ASPECTS, Observation

# What has to be looked at to see an operation's effect or answer.
ASPECTS_OF: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("getattr", "chmod", "chown", "utimens", "rename", "unlink", "link"), ("attributes",)),
    **dict.fromkeys(("create", "mknod", "open", "read", "write", "truncate", "release"), ("attributes", "content")),
    **dict.fromkeys(("mkdir", "rmdir", "readdir"), ("attributes", "listing")),
    **dict.fromkeys(("symlink", "readlink"), ("attributes", "target")),
    **dict.fromkeys(("getxattr", "setxattr", "listxattr", "removexattr"), ("attributes", "xattrs")),
}

Asked = list[tuple[str, list[str]]]  # paths, each with the aspects to look at
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
    operations: tuple[str, ...]
    outcome: Outcome
    primary: Observation
    shadow: Observation

    def diverged(self) -> tuple[str, ...]:
        """Return the operations that concern what differs."""
        if self.outcome is not Outcome.DIVERGENT:
            return ()
        keys = {*self.primary, *self.shadow}
        differing = {key for key in keys if self.primary.get(key) != self.shadow.get(key)}
        if "error" in differing:
            return self.operations
        return tuple(name for name in self.operations if differing & set(ASPECTS_OF[name])) or self.operations


def grouped(samples: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """Return the operations that were seen on each path: one look at a path judges them all."""
    found: dict[str, dict[str, None]] = {}
    for operation, path in samples:
        if operation in ASPECTS_OF and "/.fuse_hidden" not in path:
            found.setdefault(path.strip("/"), {})[operation] = None
    return {path: tuple(operations) for path, operations in found.items()}


def compare(wanted: Mapping[str, tuple[str, ...]], primary: Look, shadow: Look) -> list[Compared]:
    """Look at paths on the primary and then on the shadow, and judge each.

    Where the two differ the primary is asked again: if it differs from itself the path was changed in between. What
    still differs is looked at a second time, in all aspects, which also brings what open files buffered to the store;
    a real difference stays, and both sides' answers of that second time are returned.
    """
    asked = [(path, _aspects(operations)) for path, operations in wanted.items()]
    before, beside = primary(asked), shadow(asked)
    judged = {
        path: Compared(path, wanted[path], Outcome.SAME, one, other)
        for (path, _), one, other in zip(asked, before, beside, strict=True)
    }
    suspects = [path for path, compared in judged.items() if _visible(compared.primary) != _visible(compared.shadow)]
    if suspects:
        every = [(path, list(ASPECTS)) for path in suspects]
        for path, outcome, one, other in _confirmed(every, primary, shadow):
            judged[path] = Compared(path, wanted[path], outcome, one, other)
    return list(judged.values())


def _confirmed(asked: Asked, primary: Look, shadow: Look) -> Iterable[tuple[str, Outcome, Observation, Observation]]:
    before, beside, after = primary(asked), shadow(asked), primary(asked)
    for (path, _), one, other, again in zip(asked, before, beside, after, strict=True):
        if one != again:
            yield path, Outcome.RACED, again, other
        else:
            same = _visible(one) == _visible(other)
            yield path, Outcome.SAME if same else Outcome.DIVERGENT, _visible(one), _visible(other)


def _visible(observation: Observation) -> Observation:
    return {key: value for key, value in observation.items() if key != AS_OF}


def _aspects(operations: tuple[str, ...]) -> list[str]:
    needed = {aspect for operation in operations for aspect in ASPECTS_OF[operation]}
    return [aspect for aspect in ASPECTS if aspect in needed]


def without_path(observation: Mapping[str, Any]) -> Observation:
    """Return an answer of /observe as an observation made here looks."""
    return {key: value for key, value in observation.items() if key != "path"}
