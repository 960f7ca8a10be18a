"""A small lexer of shell text: words and operators with their places, and how to cut one out.

It understands what Dockerfiles and CI scripts are made of: quotes, continuation lines, comments, `&& || ; |`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"(?P<space>(?:[ \t\r]|\\\r?\n)+)|(?P<comment>#[^\n]*)|(?P<operator>&&|\|\||;;?|\||&|\n|[()])"
    r"|(?P<word>(?:[^\s\\'\"&|;()]|\\(?!\r?\n).|'[^']*'|\"(?:[^\"\\]|\\.)*\"|\\(?!\r?\n))+)|(?P<other>.)",
    re.S,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word or an operator, and where it stands."""

    start: int
    end: int
    text: str
    operator: bool = False

    @property
    def value(self) -> str:
        """The word as the command sees it, without quotes."""
        return re.sub(r"\\(.)", r"\1", self.text.replace('"', "").replace("'", ""))


@dataclass(frozen=True, slots=True)
class Cut:
    """What is cut out, and what takes its place."""

    start: int
    end: int
    instead: str = ""


def tokens(text: str, *, comments_continue: bool = False) -> list[Token]:
    """Return words and operators; with `comments_continue` a comment line does not end a command (Dockerfile)."""
    found: list[Token] = []
    skip_newline = False
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        if kind == "comment":
            skip_newline = (
                comments_continue and not text[text.rfind("\n", 0, match.start()) + 1 : match.start()].strip()
            )
        elif kind == "operator":
            if match[0] == "\n" and skip_newline:
                skip_newline = False
            else:
                found.append(Token(match.start(), match.end(), match[0], operator=True))
        elif kind in ("word", "other"):
            found.append(Token(match.start(), match.end(), match[0]))
    return found


def commands(found: list[Token]) -> Iterator[range]:
    """Yield each command as the places of its words among the tokens."""
    begin = 0
    for i in range(len(found) + 1):
        if i == len(found) or found[i].operator:
            if i > begin:
                yield range(begin, i)
            begin = i + 1


def cut_word(text: str, found: list[Token], i: int) -> Cut:
    """Return what to cut for one word: with its line where it stands alone, else with the space beside it."""
    word = found[i]
    line_start = text.rfind("\n", 0, word.start) + 1
    line_end = text.find("\n", word.end)
    line_end = len(text) if line_end < 0 else line_end
    after = found[i + 1] if i + 1 < len(found) else None
    before = found[i - 1] if i else None
    if after is not None and after.start < line_end and not after.operator:
        return Cut(word.start, after.start)
    if before is not None and before.start >= line_start and not before.operator:
        return Cut(before.end, word.end)
    if after is not None and after.start < line_end:
        return Cut(word.start, after.start)
    if text[word.end : line_end].strip() == "\\":
        return Cut(line_start, line_end + 1)
    return Cut(before.end if before else line_start, word.end)


def cut_command(text: str, found: list[Token], command: range) -> Cut:
    """Return what to cut for one command: with its line in a script, with an operator in a chain."""
    start, stop = command[0], command[-1] + 1
    before = found[start - 1] if start else None
    after = found[stop] if stop < len(found) else None
    if before is not None and before.text == "\n":
        # a line of a script: it goes with its own line end, unless a chain goes on in it
        end = after.start if after is not None and after.text == "\n" else None
        if end is not None or after is None:
            return Cut(before.end, (end + 1) if end is not None else len(text))
    if before is not None and before.text in ("&&", ";", "||"):
        if after is not None and after.text != "\n":
            return Cut(before.start, after.start)
        previous = found[start - 2].end if start > 1 else before.start
        return Cut(previous, found[stop - 1].end)
    if after is not None:
        following = found[stop + 1].start if stop + 1 < len(found) else after.end
        return Cut(found[start].start, following)
    return Cut(found[start].start, len(text))
