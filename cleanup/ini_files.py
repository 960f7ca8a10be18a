"""Takes the old backend out of setup.cfg and tox.ini.

configparser forgets comments and blank lines, so the edit is made by line; configparser then proves that exactly the
meant values are gone, and an edit that it does not confirm is not made.
"""

from __future__ import annotations

import configparser
import re
from pathlib import PurePosixPath

from cleanup import names
from cleanup.repository import Tree
from cleanup.shell import is_old_requirement

_FILES = ("setup.cfg", "tox.ini")
_SECTION = re.compile(r"\[(?P<name>[^\]]+)\]")
_OPTION = re.compile(r"(?P<head>(?P<name>[^\s=:#;][^=:]*?)\s*[=:][ \t]*)(?P<value>.*)")
_LISTS = {"options": ("install_requires", "setup_requires", "tests_require")}


def edits(tree: Tree) -> dict[str, bytes | None]:
    """Return the new content of every such file that names the old backend."""
    found: dict[str, bytes | None] = {}
    for path in tree.paths:
        if PurePosixPath(path).name in _FILES:
            before = tree.text(path)
            after = without_dependency(before)
            if after != before:
                found[path] = after.encode(errors="surrogateescape")
    return found


def without_dependency(text: str) -> str:
    """Return the file without the old backend, or as it is where it is not what configparser makes of it."""
    before = _values(text)
    if before is None:
        return text
    after = "".join(_kept(text.splitlines(keepends=True)))
    return after if _values(after) == _expected(before) else text


def _values(text: str) -> dict[str, dict[str, str]] | None:
    parser = configparser.RawConfigParser(strict=True, allow_no_value=True)
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    return {
        section: {key: parser[section][key] or "" for key in parser.options(section)} for section in parser.sections()
    }


def _expected(values: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    kept: dict[str, dict[str, str]] = {}
    for section, options in values.items():
        if not _old_section(section):
            kept[section] = {}
            for key, value in options.items():
                if not _old_option(section, key, value):
                    kept[section][key] = _pruned(section, key, value)
    return kept


def _pruned(section: str, key: str, value: str) -> str:
    if not _lists_requirements(section, key):
        return value
    first, *more = value.split("\n")
    kept = [_entries(key, first), *(line for line in more if not line or _entries(key, line))]
    return "\n".join(kept)


def _entries(key: str, line: str) -> str:
    """Return a line of a value without the old entries."""
    separator = "," if key == "envlist" else ";"
    if not _splits(line, separator):
        return "" if _is_old(key, line) else line
    parts = [part.strip() for part in line.split(separator)]
    kept = [part for part in parts if not _is_old(key, part)]
    return line if kept == parts else f"{separator} ".join(kept)


def _splits(line: str, separator: str) -> bool:
    """Tell whether a separator parts entries here: a semicolon may also begin a marker."""
    if separator == ";" and re.search(r";\s*(python_|sys_|platform_|os_|implementation_|extra)", line):
        return False
    return separator in line


def _is_old(key: str, entry: str) -> bool:
    return names.of_old_alone(entry) if key == "envlist" else is_old_requirement(entry.strip())


def _lists_requirements(section: str, key: str) -> bool:
    if section == "options.extras_require" or key in _LISTS.get(section, ()):
        return True
    return (section.startswith("testenv") and key == "deps") or (section == "tox" and key == "envlist")


def _old_section(section: str) -> bool:
    return section.startswith("testenv:") and names.of_old_alone(section)


def _old_option(section: str, key: str, value: str) -> bool:
    old = section == "options.extras_require" and names.of_old_alone(key)
    return old and not _pruned(section, key, value).strip()


def _kept(lines: list[str]) -> list[str]:
    kept: list[str] = []
    section, key, dropping, in_old_section = "", "", False, False
    for line in lines:
        stripped = line.strip()
        comment = not stripped or stripped[0] in "#;"
        if found := _SECTION.match(line):
            section, key, dropping = found["name"], "", False
            in_old_section = _old_section(section)
        elif not line[0].isspace() and not comment and (option := _OPTION.match(line.rstrip("\r\n"))):
            key = option["name"].lower()
            dropping = _old_option(section, key, option["value"])
            if not in_old_section and not dropping and _lists_requirements(section, key):
                kept.append(line.replace(option[0], option["head"] + _entries(key, option["value"]), 1))
                continue
        elif not comment and not dropping and not in_old_section and _lists_requirements(section, key):
            entries = _entries(key, stripped)
            if entries:
                kept.append(line.replace(stripped, entries, 1))
            continue
        if not in_old_section and (not dropping or comment):
            kept.append(line)
    return kept
