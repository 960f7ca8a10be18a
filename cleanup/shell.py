"""Takes the old backend out of shell commands, and leaves every other byte where it was.

A small lexer finds the words and the operators between commands with their places in the text; edits are made by place.
It understands what Dockerfiles and CI scripts are made of: quotes, continuation lines, comments, `&& || ; |`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from cleanup import names

_TOKEN = re.compile(
    r"(?P<space>(?:[ \t\r]|\\\r?\n)+)|(?P<comment>#[^\n]*)|(?P<operator>&&|\|\||;;?|\||&|\n|[()])"
    r"|(?P<word>(?:[^\s\\'\"&|;()]|\\(?!\r?\n).|'[^']*'|\"(?:[^\"\\]|\\.)*\"|\\(?!\r?\n))+)|(?P<other>.)",
    re.S,
)
# Options whose next word is a value and no package; `-r FILE` is left out because it does install something.
_VALUED = frozenset(
    {
        "-t",
        "--target-release",
        "-o",
        "-i",
        "--index-url",
        "--extra-index-url",
        "-f",
        "--find-links",
        "-c",
        "--constraint",
    }
)
_PREFIXES = frozenset({"sudo", "uv", "run", "exec", "env", "-m", "{", "if", "then", "else", "do", "!", "time"})


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


def without_old_backend(text: str, *, comments_continue: bool = False) -> str:
    """Return shell text that no longer installs or runs the old backend; empty if nothing is left of it."""
    while True:
        found = tokens(text, comments_continue=comments_continue)
        cut = next((c for command in _commands(found) if (c := _next_cut(text, found, command)) is not None), None)
        if cut is None:
            return text
        text = text[: cut.start] + cut.instead + text[cut.end :]


def _commands(found: list[Token]) -> Iterator[range]:
    begin = 0
    for i in range(len(found) + 1):
        if i == len(found) or found[i].operator:
            if i > begin:
                yield range(begin, i)
            begin = i + 1


def _next_cut(text: str, found: list[Token], command: range) -> Cut | None:
    values = [found[i].value for i in command]
    if _runs_with_old_backend(values):
        return _cut_command(text, found, command)
    first, is_old = _packages(values)
    if first is None:
        return None
    packages = [command[first + i] for i in _named(values[first:])]
    for i in packages:
        instead = is_old(found[i].value, [found[k].value for k in packages if k != i])
        if instead is None:
            continue
        if instead:
            return Cut(found[i].start, found[i].end, instead)
        if len(packages) == 1:
            return _cut_command(text, found, command)
        return cut_word(text, found, i)
    return None


def _runs_with_old_backend(values: list[str]) -> bool:
    """Whether a command sets the old backend for itself alone: `LIGHTHOUSE_FUSE_BACKEND=fusepy python check.py`."""
    for value in values[:-1]:
        name, sign, setting = value.partition("=")
        if not sign or name.startswith("-"):
            return False
        if name.endswith("FUSE_BACKEND") and setting == names.OLD_BACKEND:
            return True
    return False


_IsOld = Callable[[str, list[str]], str | None]  # None: keep it; "": drop it; else: what takes its place


def _packages(values: list[str]) -> tuple[int | None, _IsOld]:
    """Return from which word on a command lists packages, and how to tell the old ones."""
    for i, value in enumerate(values):
        name = value.rpartition("/")[2]
        if name in ("apt-get", "apt", "aptitude") and "install" in values[i:]:
            return values.index("install", i) + 1, _apt
        if re.fullmatch(r"pip[\d.]*", name) and "install" in values[i:]:
            return values.index("install", i) + 1, _pip
        if (
            name not in ("sudo", "uv", "run", "exec", "env", "-m")
            and "=" not in value
            and not name.startswith("python")
        ):
            break
    return None, _pip


def _apt(value: str, others: list[str]) -> str | None:
    name = value.partition("=")[0].partition(":")[0]
    instead = names.APT_PACKAGES.get(name)
    if instead is None:
        return None
    covered = {o.partition("=")[0] for o in others}
    if instead == "fuse3" and name.startswith("libfuse2") and any(o.startswith("libfuse3-") for o in covered):
        return ""
    return "" if instead in covered else instead


def _pip(value: str, _others: list[str]) -> str | None:
    return "" if is_old_requirement(value) else None


def is_old_requirement(text: str) -> bool:
    """Return whether a requirement, with extras, version and marker, names a package of the old backend."""
    try:
        return canonicalize_name(Requirement(text).name) in names.PYTHON_PACKAGES
    except InvalidRequirement:
        return False


def _named(values: list[str]) -> list[int]:
    """Return the places of packages and files among a command's arguments: no options, and no options' values."""
    return [
        i for i, value in enumerate(values) if not value.startswith("-") and (not i or values[i - 1] not in _VALUED)
    ]


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


def _cut_command(text: str, found: list[Token], command: range) -> Cut:
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
