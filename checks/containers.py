"""Do the project's container files say what works? Each known mistake is named with its line and what to write instead.

They are warnings: some of them only cost time, and what they break is asked of the running service by other checks.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from checks import boundary
from checks.check import Check, Context, Finding, Severity

_DOCKERFILE = r"^(Dockerfile.*|.*\.dockerfile)$"
_COMPOSE = r"^.*compose.*\.ya?ml$"
_YAML = r"^.*\.ya?ml$"
_SHELL = r"^.*\.(sh|bash)$"
SHOWN = 50  # characters of a line


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is written somewhere, why it does not work, and what does."""

    files: str  # a pattern of their names
    written: str  # a pattern, of several lines where it has to be
    wrong: str
    instead: str


MISTAKES = (
    Mistake(_DOCKERFILE, r"^#\s*syntax\s*=", "fetches a frontend from a registry at every build", "no such line"),
    Mistake(_DOCKERFILE, r"\bsetcap\b", "stops python where the capability is missing", "cap_add: [SYS_ADMIN]"),
    Mistake(
        f"{_DOCKERFILE}|{_COMPOSE}|{_SHELL}", r"\bLD_LIBRARY_PATH\b", "is not needed by either libfuse", "no such line"
    ),
    Mistake(
        _DOCKERFILE,
        r"apt-get (?:remove|purge)[^\n]*libfuse2",
        "frees nothing in a later layer",
        "an image built with BACKENDS=pyfuse3",
    ),
    Mistake(
        r"^.*\.json$",
        r'"op":\s*"SCMP_[^}]*"value":\s*"|"value":\s*"[^}]*SCMP_',
        "cannot be loaded: a number belongs there",
        "security/seccomp-fuse.json of the kit",
    ),
    Mistake(
        _SHELL,
        r"docker exec[^\n]*(?:\n[^\n]*){0,4}?export [^\n]*(?:\n[^\n]*){0,3}?kill -HUP",
        "changes nothing: nobody can change the environment of PID 1",
        "config/primary/bridge.env, then docker compose kill -s HUP",
    ),
    Mistake(
        _SHELL,
        r"^trap [^\n]*EXIT(?:.|\n)*^exec [^\n]*(?i:python)",
        "exec discards the trap",
        "tini, and a Bridge that unmounts",
    ),
    Mistake(
        r"^.*(validate|health).*\.py$",
        r"LIGHTHOUSE_ACTIVE_FUSE_BACKEND",
        "believes a variable, so the health check always passes",
        "scripts/docker/validate-fuse-backend.py of the kit",
    ),
    Mistake(
        _YAML, r"container:\s*\n\s*image: lighthouse:", "wants an image that no registry has", "docker build in the job"
    ),
    Mistake(_YAML, r"\bdocker-compose (?:-f|up|down|restart)", "is Compose 1, which is gone", "docker compose"),
)
_INSTALL = re.compile(r"apt-get install((?:[^&;\n\\]|\\\n|\\)*)")
_CPUS = re.compile(r"^\s*cpus:\s*['\"]?(\d+(?:\.\d+)?)", re.MULTILINE)


def containers(context: Context) -> Finding | None:
    """Read the project's Dockerfiles, compose files, profiles, scripts and workflows."""
    project = context.project
    if project is None or not project.is_dir():
        why = "Its container files were not looked at."
        return Finding("no project folder is named in the settings", why, "name it there", severity=Severity.WARN)
    seen = sorted(set(mistakes(project)))
    if not seen:
        return None
    found = [f"{file.relative_to(project)}:{line} `{_shown(file, line)}` {words}" for file, line, words in seen]
    why = "Each of them fails, or seems to work and does not."
    commands = ("lighthouse-migrate kit write --dry-run",)
    return Finding("; ".join(found), why, "the kit has files that work", commands, Severity.WARN)


def mistakes(project: Path) -> Iterator[tuple[Path, int, str]]:
    """Yield each mistake: its file, its line counted from 1, and what is wrong and right."""
    for file in boundary.files_of(project):
        text = boundary.text_of(file)
        for mistake in MISTAKES:
            if not re.match(mistake.files, file.name, re.IGNORECASE):
                continue
            for match in re.finditer(mistake.written, text, re.MULTILINE):
                if mistake.written.startswith("^#") or not _commented(text, match.start()):
                    yield file, _line(text, match.start()), f"{mistake.wrong}; instead: {mistake.instead}"
        if re.match(_DOCKERFILE, file.name, re.IGNORECASE):
            yield from ((file, line, words) for line, words in _of_a_dockerfile(text))
        elif re.match(_COMPOSE, file.name, re.IGNORECASE):
            yield from ((file, line, words) for line, words in _of_a_compose_file(text))


def _of_a_dockerfile(text: str) -> Iterator[tuple[int, str]]:
    for match in _INSTALL.finditer(text):
        if {"fuse", "fuse3"} <= set(match[1].replace("\\\n", " ").split()):
            yield _line(text, match.start()), "installs fuse and fuse3, which exclude each other; instead: fuse3 alone"
    stage = re.search(r"^FROM .* AS tester\b", text, re.MULTILINE | re.IGNORECASE)
    if stage and not re.search(r"--from=tester\b|^FROM tester\b", text, re.MULTILINE | re.IGNORECASE):
        words = "is skipped by BuildKit, as nothing is copied from it; instead: COPY --from=tester in the runtime"
        yield _line(text, stage.start()), words


def _of_a_compose_file(text: str) -> Iterator[tuple[int, str]]:
    here = os.cpu_count() or 1
    for match in _CPUS.finditer(text):
        if float(match[1]) > here:
            yield _line(text, match.start(1)), f"is refused by Docker on {here} CPUs; instead: cpus: {here}"


def _commented(text: str, at: int) -> bool:
    return text[text.rfind("\n", 0, at) + 1 : at].lstrip().startswith("#")


def _shown(file: Path, line: int) -> str:
    written = boundary.text_of(file).splitlines()[line - 1].strip()
    return written if len(written) <= SHOWN else f"{written[: SHOWN - 1]}…"


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


CHECKS = (
    Check(
        "containers",
        "Do the container files say what works?",
        "project",
        containers,
        fine="no known mistake in the container files",
    ),
)
