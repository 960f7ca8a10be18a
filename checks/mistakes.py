"""Known mistakes in a project's files: found by what is written, and corrected where that is safe."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from checks.check import Context, Finding, Severity
from checks.edits import Edit, files_of, text_of
from checks.remedies import ours
from deployment.kit import everything

SHOWN = 50  # characters of a line

Correction = Callable[[re.Match[str]], str]


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is written somewhere, why it does not work, and what does."""

    files: str  # a pattern of their names
    written: str  # a pattern, of several lines where it has to be
    wrong: str
    instead: str
    whole: str = ""  # what is taken out or replaced, where that is not `written`
    correction: str | Correction | None = None  # None: a person has to do it
    kit: str = ""  # the kit's file that takes the place of the whole file
    only: Callable[[re.Match[str]], bool] = lambda _match: True  # where the pattern alone cannot say it

    def within(self, file: Path, text: str) -> Iterator[int]:
        """Yield the places in a file's text where the mistake was made."""
        if not re.match(self.files, file.name, re.IGNORECASE):
            return
        for match in re.finditer(self.written, text, re.MULTILINE):
            if self.only(match) and (self.written.startswith("^#") or not _commented(text, match.start())):
                yield match.start()

    def corrected(self, text: str) -> str:
        """Return the text without the mistake, or as it is where a person has to correct it."""
        if self.kit:
            return next(a.data.decode() for a in everything() if a.path == self.kit)
        if self.correction is None:
            return text
        correction = self.correction

        def correct(match: re.Match[str]) -> str:
            if not self.written.startswith("^#") and _commented(text, match.start()):
                return match[0]
            return match.expand(correction) if isinstance(correction, str) else correction(match)

        return re.sub(self.whole or self.written, correct, text, flags=re.MULTILINE)


def found(project: Path, table: Sequence[Mistake]) -> Iterator[tuple[Path, int, str]]:
    """Yield each mistake: its file, its line counted from 1, and what is wrong and right."""
    for file in files_of(project):
        text = text_of(file)
        for mistake in table:
            for at in mistake.within(file, text):
                yield file, text.count("\n", 0, at) + 1, f"{mistake.wrong}; instead: {mistake.instead}"


def repairs(project: Path, table: Sequence[Mistake]) -> tuple[Edit, ...]:
    """Return what would correct the mistakes that can be corrected safely; nothing is touched."""
    edits = []
    for file in files_of(project):
        before = after = text_of(file)
        for mistake in table:
            if next(mistake.within(file, after), None) is not None:
                after = mistake.corrected(after)
        if after != before:
            edits.append(Edit(file, before, after))
    return tuple(edits)


def judge(context: Context, check: str, table: Sequence[Mistake], why: str, remedy: str) -> Finding | None:
    """Return what a check of the project's files found."""
    project = context.project
    if project is None or not project.is_dir():
        return Finding(
            "no project folder is named in the settings",
            "Its files were not looked at.",
            "name it there",
            severity=Severity.WARN,
        )
    seen = sorted(set(found(project, table)))
    if not seen:
        return None
    told = [f"{file.relative_to(project)}:{line} `{_shown(file, line)}` {words}" for file, line, words in seen]
    commands = (ours(f"check --fix {check}"),) if repairs(project, table) else ()
    return Finding("; ".join(told), why, remedy, commands, Severity.WARN)


def _commented(text: str, at: int) -> bool:
    return text[text.rfind("\n", 0, at) + 1 : at].lstrip().startswith("#")


def _shown(file: Path, line: int) -> str:
    written = text_of(file).splitlines()[line - 1].strip()
    return written if len(written) <= SHOWN else f"{written[: SHOWN - 1]}…"
