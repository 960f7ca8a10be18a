"""Takes the old backend out of shell commands, and leaves every other byte where it was.

A small lexer finds the words and the operators between commands with their places in the text; edits are made by place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from cleanup import names
from cleanup.shell_words import Cut, Token, commands, cut_command, cut_word, tokens

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
_LISTS = frozenset({"-r", "--requirement"})
_ASSIGNED = re.compile(r"(?P<name>[A-Z_]+)=(?P<quote>[\"']?)(?P<value>[^\"']*)(?P=quote)")
_DEFAULT = re.compile(r"(?P<head>\$\{(?P<name>[A-Z_]+):?[-=])(?P<value>[\w-]+)\}")
_PREFIXES = frozenset({"sudo", "uv", "run", "exec", "env", "-m", "{", "if", "then", "else", "do", "!", "time"})


def without_old_backend(
    text: str, *, comments_continue: bool = False, present: Collection[str] = (), settings: bool = False
) -> str:
    """Return shell text that no longer installs or runs the old backend; empty if nothing is left of it.

    Args:
        text: Commands.
        comments_continue: A comment line does not end a command (Dockerfile).
        present: Names of the files that are there: a list of the old backend that is not is no longer installed from.
        settings: Change what the script sets, too.
    """
    while True:
        found = tokens(text, comments_continue=comments_continue)
        cut = next((c for r in commands(found) if (c := _next_cut(text, found, r, present)) is not None), None)
        cut = cut or (_next_setting(found) if settings else None)
        if cut is None:
            return text
        text = text[: cut.start] + cut.instead + text[cut.end :]


def _next_setting(found: list[Token]) -> Cut | None:
    """Find a word that sets a backend, or says which one is meant where none is set."""
    for token in found:
        if token.operator:
            continue
        new = token.text
        assigned = _ASSIGNED.fullmatch(new)
        if assigned is not None and re.search("FUSE|BACKEND", assigned["name"]):
            value = names.new_value(assigned["name"], assigned["value"])
            new = f"{assigned['name']}={assigned['quote']}{value}{assigned['quote']}"
        new = _DEFAULT.sub(lambda m: m["head"] + names.new_value(m["name"], m["value"]) + "}", new)
        if new != token.text:
            return Cut(token.start, token.end, new)
    return None


def _next_cut(text: str, found: list[Token], command: range, present: Collection[str]) -> Cut | None:
    values = [found[i].value for i in command]
    if _runs_with_old_backend(values):
        return cut_command(text, found, command)
    first, is_old = _packages(values)
    if first is None:
        return None
    packages = [command[first + i] for i in _named(values[first:])]
    if is_old is _pip:
        lists = [i for i in packages if found[i - 1].value in _LISTS]
        old = [i for i in lists if _is_gone(found[i].value, present)]
        if old and len(old) == len(packages):
            return cut_command(text, found, command)
        if old:
            if _followed(text, found, old[0]):
                return Cut(found[old[0] - 1].start, found[old[0] + 1].start)
            return Cut(found[old[0] - 2].end, found[old[0]].end)
    for i in packages:
        instead = is_old(found[i].value, [found[k].value for k in packages if k != i])
        if instead is None:
            continue
        if instead:
            return Cut(found[i].start, found[i].end, instead)
        if len(packages) == 1:
            return cut_command(text, found, command)
        return cut_word(text, found, i)
    return None


def _followed(text: str, found: list[Token], i: int) -> bool:
    """Whether another word of the command follows on the same line."""
    return i + 1 < len(found) and not found[i + 1].operator and "\n" not in text[found[i].end : found[i + 1].start]


def _is_gone(path: str, present: Collection[str]) -> bool:
    name = path.rpartition("/")[2]
    return names.of_old_alone(name) and name not in present


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
        name = value.rpartition("/")[2].lstrip("@") or value  # make's own sign before a command
        if name in ("apt-get", "apt", "aptitude") and "install" in values[i:]:
            return values.index("install", i) + 1, _apt
        if re.fullmatch(r"pip[\d.]*", name) and "install" in values[i:]:
            return values.index("install", i) + 1, _pip
        if name not in _PREFIXES and "=" not in value and not name.startswith("python"):
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
