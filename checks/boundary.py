"""Does the container run the Bridge and nothing else? The MCP server belongs on the host, beside each agent.

A start script that execs `….mcp_server` builds a container in which no Bridge, and so no mount, ever runs.
"""

from __future__ import annotations

import difflib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from checks import words
from checks.check import Check, Context, Finding, Severity

BACKUPS = ".lighthouse-migrate-backup"
_STARTS = re.compile(
    r"^(Dockerfile.*|.*\.dockerfile|Procfile|.*\.(sh|bash|service)|.*compose.*\.ya?ml|supervisord?.*\.conf)$", re.I
)
_REQUIREMENTS = re.compile(r"^(.*requirements.*|constraints.*)\.(txt|in)$", re.I)
# `-m package.mcp_server`, also in the list form of Dockerfiles: "-m", "package.mcp_server"
_RUNS = re.compile(
    r"""(?P<flag>(?<![\w-])-m(?:\s+|["']\s*,\s*["']))(?P<package>[\w.]+)\.(?P<module>mcp_server|bridge\.main_bridge)\b"""
)
_NAMED = re.compile(r"[\w./-]*requirements[\w.-]*\.(?:txt|in)", re.I)
_SKIPPED = {".git", ".venv", "venv", "node_modules", "__pycache__", BACKUPS}


@dataclass(frozen=True, slots=True)
class Fault:
    """One line that breaks the boundary."""

    file: Path
    line: int  # counted from 1
    text: str
    correct: str | None  # None: the line goes


@dataclass(frozen=True, slots=True)
class Edit:
    """One file before and after the repair."""

    file: Path
    before: str
    after: str
    backup: Path | None = None  # where the file's old content lies, once it was applied

    def diff(self, project: Path) -> str:
        """Return the change as a unified diff."""
        name = self.file.relative_to(project)
        lines = self.before.splitlines(keepends=True), self.after.splitlines(keepends=True)
        return "".join(difflib.unified_diff(*lines, fromfile=f"a/{name}", tofile=f"b/{name}"))


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
        commands = ("lighthouse-migrate check --fix boundary",)
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
    """Repair the faults and return the edits, each with the backup of the file it replaced.

    A file is replaced as a whole, so that an interrupted repair leaves each file either old or new.
    """
    done = []
    for edit in repairs(project):
        kept = backup(project, edit.file)
        new = edit.file.with_name(f".{edit.file.name}.new")
        new.write_bytes(edit.after.encode(errors="surrogateescape"))
        shutil.copymode(edit.file, new)
        new.replace(edit.file)
        done.append(Edit(edit.file, edit.before, edit.after, kept))
    return tuple(done)


def backup(project: Path, file: Path) -> Path:
    """Keep a copy of a file that is about to be replaced, where git does not see it, and return where."""
    folder = project / BACKUPS
    folder.mkdir(exist_ok=True)
    (folder / ".gitignore").write_text("*\n")  # the working tree stays as clean as it was
    kept = folder / file.relative_to(project)
    kept.parent.mkdir(parents=True, exist_ok=True)
    number = 0
    while kept.exists():
        number += 1
        kept = kept.with_name(f"{file.name}.{number}")
    shutil.copy2(file, kept)
    return kept


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


def files_of(project: Path) -> list[Path]:
    """Return the project's files as git knows them, or all of them where it is no repository."""
    command = ["git", "-C", str(project), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, timeout=10)
    if listed.returncode == 0:
        found = [project / os.fsdecode(name) for name in listed.stdout.split(b"\0") if name]
    else:
        found = [Path(folder) / name for folder, _, names in os.walk(project) for name in names]
    kept = [f for f in found if not _SKIPPED.intersection(f.relative_to(project).parts) and f.is_file()]
    return sorted(set(kept))


def text_of(file: Path) -> str:
    """Return a file's text, which may be any bytes."""
    # bytes that are no UTF-8 survive the round trip, and line ends stay as they are
    return file.read_bytes().decode(errors="surrogateescape")


CHECKS = (
    Check(
        "boundary",
        "Does the container run the Bridge and nothing else?",
        "project",
        boundary,
        fine="the container runs the Bridge and nothing else",
    ),
)
