"""Annotations: notes on lines of a file, anchored to what these lines say.

An annotation knows the hash of the lines it is about. As long as they stand where they stood it is `current`; where the
same lines are found elsewhere in the file it has `moved` with them; where they are found no more it is `stale`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any, NamedTuple

from bridge.store.instant import spelled

LONGEST = 64 * 1024  # bytes of one line that makes an annotation
# "12-20 text": lines 12 to 20; anything else is about the whole file
PLAIN = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?[ \t]+(.+)")


class Annotation(NamedTuple):
    """One note; `first` and `last` are lines counted from 1 with both ends included, 0 and 0 the whole file."""

    id: int
    agent: str
    time: int  # nanoseconds since the epoch
    first: int
    last: int
    anchor: bytes
    text: str


class Wanted(NamedTuple):
    """What a line that was written to a shadow asks for: a new annotation, or one to be taken back."""

    first: int
    last: int
    text: str
    retract: int | None = None


class AnnotationError(ValueError):
    """A line asks for nothing that can be done; the message says why."""


def parse(line: bytes) -> Wanted:
    """Read a line: JSON ({"lines": [12, 20], "text": …} or {"retract": 7}), or "12-20 text", or only text.

    Raises:
        AnnotationError: It is none of these.
    """
    try:
        text = line.decode().strip()
    except UnicodeDecodeError:
        raise AnnotationError("an annotation is UTF-8") from None
    if not text:
        raise AnnotationError("an annotation is not empty")
    if text.startswith("{"):
        return _from_json(text)
    found = PLAIN.fullmatch(text)
    if found is None:
        return Wanted(0, 0, text)
    return _checked(int(found[1]), int(found[2] or found[1]), found[3])


def _from_json(text: str) -> Wanted:
    try:
        said = json.loads(text)
    except ValueError as error:
        raise AnnotationError(f"not JSON: {error}") from error
    if set(said) == {"retract"} and isinstance(said["retract"], int):
        return Wanted(0, 0, "", said["retract"])
    lines, note = said.get("lines", [1, 1]), said.get("text")
    if set(said) - {"lines", "text"} or not isinstance(note, str) or not note.strip():
        raise AnnotationError('neither {"lines": [first, last], "text": …} nor {"retract": id}')
    if not isinstance(lines, list) or len(lines) != 2 or not all(type(number) is int for number in lines):
        raise AnnotationError("lines is [first, last]")
    wanted = _checked(lines[0], lines[1], note)
    return wanted if "lines" in said else Wanted(0, 0, note)


def _checked(first: int, last: int, text: str) -> Wanted:
    if not 1 <= first <= last:
        raise AnnotationError(f"there are no lines {first} to {last}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise AnnotationError("an annotation is UTF-8") from None
    return Wanted(first, last, text)


def anchor(content: bytes, first: int, last: int) -> bytes:
    """Return the hash of lines of a content.

    Raises:
        AnnotationError: There are no such lines.
    """
    if (first, last) == (0, 0):
        return _hash(content)
    lines = content.splitlines()
    if last > len(lines):
        raise AnnotationError(f"the file has only {len(lines)} lines")
    return _hash(b"\n".join(lines[first - 1 : last]))


def rendered(annotations: Iterable[Annotation], content: bytes | None) -> bytes:
    """Return annotations as lines of JSON, each with what has become of the lines it is about.

    Without the content that is `unknown`.
    """
    lines = (content or b"").splitlines()
    said = []
    for note in annotations:
        state, at = ("unknown", None) if content is None else _found(note, content, lines)
        told: dict[str, Any] = {"id": note.id, "agent": note.agent, "time": spelled(note.time), "state": state}
        if note.first:
            told["lines"] = [note.first, note.last]
            told["at"] = at
        said.append(json.dumps({**told, "anchor": note.anchor.hex()[:16], "text": note.text}).encode() + b"\n")
    return b"".join(said)


def _found(note: Annotation, content: bytes, lines: list[bytes]) -> tuple[str, list[int] | None]:
    if not note.first:
        return ("current" if _hash(content) == note.anchor else "stale"), None
    length = note.last - note.first + 1
    starts = sorted(range(1, len(lines) - length + 2), key=lambda start: abs(start - note.first))
    for start in starts:
        if _hash(b"\n".join(lines[start - 1 : start - 1 + length])) == note.anchor:
            return ("current" if start == note.first else "moved"), [start, start + length - 1]
    return "stale", None


def _hash(content: bytes) -> bytes:
    return blake2b(content, digest_size=16).digest()
