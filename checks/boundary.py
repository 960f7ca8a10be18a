"""Does the container run the Bridge and nothing else? The MCP server belongs on the host, beside each agent.

A start script that execs `….mcp_server` builds a container in which no Bridge, and so no mount, ever runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from checks import words
from checks.check import Check, Context, Finding, Severity
from checks.edits import Edit, apply, files_of, text_of
from checks.remedies import ours

_STARTS = re.compile(
    r"^(Dockerfile.*|.*\.dockerfile|Procfile|.*\.(sh|bash|service)|.*compose.*\.ya?ml|supervisord?.*\.conf)$", re.I
)
_REQUIREMENTS = re.compile(r"^(.*requirements.*|constraints.*)\.(txt|in)$", re.I)
# `-m package.mcp_server`, also in the list form of Dockerfiles: "-m", "package.mcp_server"
_RUNS = re.compile(
    r"""(?P<flag>(?<![\w-])-m(?:\s+|["']\s*,\s*["']))(?P<package>[\w.]+)\.(?P<module>mcp_server|bridge\.main_bridge)\b"""
)
_NAMED = re.compile(r"[\w./-]*requirements[\w.-]*\.(?:txt|in)", re.I)


@dataclass(frozen=True, slots=True)
class Fault:
    """One line that breaks the boundary."""

    file: Path
    line: int  # counted from 1
    text: str
    correct: str | None  # None: the line goes


def boundary(context: Context) -> Finding | None:
    """Read the project's start scripts and the requirements of its container."""
    project = context.project
    if project is None:
        why = "Its start script and requirements were not looked at."
        return Finding("no project folder is named in the settings", why, "name it there", severity=Severity.WARN)
    if not project.is_dir():
        return Finding(f"the project folder {project} does not exist", remedy="correct the settings")
    found = faults(project)
    if found:
        told = [f"{f.file.relative_to(project)}:{f.line} {f.text.strip()}" for f in found]
        corrections = [
            f"{f.file.name}:{f.line} → {f.correct.strip() if f.correct else '(remove the line)'}" for f in found
        ]
        why = "The container must run the Bridge and nothing else; the MCP server belongs on the host."
        commands = (ours("check --fix boundary"),)
        return Finding(words.listed(told, 3), why, "correct: " + words.listed(corrections, 3), commands)
    if not any(_bridges(project)):
        seen = "no start script, Dockerfile or compose file starts ….bridge.main_bridge"
        return Finding(seen, "So it is not known what the container runs.", severity=Severity.UNKNOWN)
    return None


def faults(project: Path) -> tuple[Fault, ...]:
    """Return every line that starts the MCP server in the container, or installs it there."""
    found = []
    for file in files_of(project):
        if _STARTS.match(file.name):
            found += _start_faults(file)
    for file in sorted(_container_requirements(project)):
        found += _requirement_faults(file)
    return tuple(found)


def repairs(project: Path) -> tuple[Edit, ...]:
    """Return what would repair the faults; nothing is touched."""
    by_file: dict[Path, dict[int, str | None]] = {}
    for fault in faults(project):
        by_file.setdefault(fault.file, {})[fault.line] = fault.correct
    edits = []
    for file, corrections in by_file.items():
        before = text_of(file)
        lines = before.splitlines(keepends=True)
        after = "".join(
            corrections.get(number, line) or "" for number, line in enumerate(lines, 1) if corrections.get(number, line)
        )
        edits.append(Edit(file, before, after))
    return tuple(edits)


def fix(project: Path) -> tuple[Edit, ...]:
    """Repair the faults and return the edits, each with the backup of the file it replaced."""
    return apply(project, repairs(project))


def _start_faults(file: Path) -> list[Fault]:
    found = []
    for number, line in enumerate(text_of(file).splitlines(keepends=True), 1):
        if line.lstrip().startswith("#") or not any(m["module"] == "mcp_server" for m in _RUNS.finditer(line)):
            continue
        correct = _RUNS.sub(r"\g<flag>\g<package>.bridge.main_bridge", line)
        found.append(Fault(file, number, line.rstrip("\r\n"), correct))
    return found


def _requirement_faults(file: Path) -> list[Fault]:
    found = []
    for number, line in enumerate(text_of(file).splitlines(keepends=True), 1):
        if _requirement_name(line) == "mcp":
            found.append(Fault(file, number, line.rstrip("\r\n"), None))
    return found


def _requirement_name(line: str) -> str | None:
    text = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip().rstrip("\\").strip()
    try:
        return canonicalize_name(Requirement(re.split(r"\s--hash", text, maxsplit=1)[0]).name) if text else None
    except InvalidRequirement:
        return None  # an option, a path or a URL


def _container_requirements(project: Path) -> set[Path]:
    """Return the requirement files the container installs: those its Dockerfiles and start scripts name, and what those
    include; where none is named, all of them."""
    files = {file for file in files_of(project) if _REQUIREMENTS.match(file.name)}
    sources = [file for file in files_of(project) if _STARTS.match(file.name)]
    named = {Path(name).name for file in sources for name in _NAMED.findall(text_of(file))}
    wanted = {file for file in files if file.name in named}
    waiting = list(wanted)
    while waiting:
        for line in text_of(waiting.pop()).splitlines():
            option, _, name = line.strip().replace("=", " ").partition(" ")
            more = (
                {f for f in files if f.name == Path(name.strip()).name} if option in ("-r", "--requirement") else set()
            )
            waiting += more - wanted
            wanted |= more
    return wanted or files


def _bridges(project: Path) -> Iterator[Path]:
    for file in files_of(project):
        if _STARTS.match(file.name) and any(m["module"] != "mcp_server" for m in _RUNS.finditer(text_of(file))):
            yield file


CHECKS = (
    Check(
        "boundary",
        "Does the container run the Bridge and nothing else?",
        "project",
        boundary,
        fine="the container runs the Bridge and nothing else",
        repairs=repairs,
    ),
)
