"""Reads the corpus: sample projects, each one text file that shows every file before and after the purge.

    # what is special about this project
    # tests: python -m unittest            (its own tests; they pass before and after)
    # left: src/app.py:3                   (what is left to a person)
    === requirements.txt
     trio
    -fusepy==3.0.1
    +whatever comes instead

A line begins with a blank (it stays), `-` (it goes) or `+` (it comes). A file whose lines all go is removed. After the
path stand `gone` (an empty file that is removed), `stays` (all its lines go, the file stays), `crlf`, `no-newline`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

CORPUS = Path(__file__).with_name("corpus")


@dataclass
class Sample:
    """One project of the corpus."""

    name: str
    about: str
    tests: str = ""
    left: list[str] = field(default_factory=list)
    before: dict[str, bytes] = field(default_factory=dict)
    after: dict[str, bytes] = field(default_factory=dict)

    @property
    def edits(self) -> dict[str, bytes | None]:
        """The files that change, with what they become."""
        changed = {path for path, data in self.before.items() if self.after.get(path) != data}
        return {path: self.after.get(path) for path in changed}


def corpus() -> list[Sample]:
    """Return every project, by name."""
    return [read(file) for file in sorted(CORPUS.glob("*.project"))]


def read(file: Path) -> Sample:
    """Read one project."""
    head, *files = file.read_text(encoding="utf-8").split("\n=== ")
    notes = [line.removeprefix("# ") for line in head.splitlines()]
    sample = Sample(file.stem, notes[0])
    for note in notes[1:]:
        key, _, value = note.partition(": ")
        assert key in ("tests", "left"), f"{file.name}: {note}"
        if key == "tests":
            sample.tests = value
        else:
            sample.left.append(value)
    for part in files:
        header, _, body = part.removesuffix("\n").partition("\n")
        path, *flags = header.split()
        lines = body.split("\n") if body else []
        assert all(line[:1] in ("", " ", "-", "+") for line in lines), f"{file.name}: {path}"
        sample.before[path] = _text(lines, "-", flags)
        if "gone" not in flags and (not lines or "stays" in flags or any(line[:1] != "-" for line in lines)):
            sample.after[path] = _text(lines, "+", flags)
    return sample


def _text(lines: list[str], mark: str, flags: list[str]) -> bytes:
    end = "\r\n" if "crlf" in flags else "\n"
    text = "".join(f"{line[1:]}{end}" for line in lines if line[:1] in ("", " ", mark))
    return (text.removesuffix(end) if "no-newline" in flags else text).encode()
