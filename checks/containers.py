"""Do the project's container files say what works? Each known mistake is named with its line and what to write instead.

They are warnings: some of them only cost time, and what they break is asked of the running service by other checks.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from checks import mistakes as table
from checks.check import Check, Context, Finding
from checks.edits import Edit
from checks.mistakes import Mistake

_DOCKERFILE = r"^(Dockerfile.*|.*\.dockerfile)$"
_COMPOSE = r"^.*compose.*\.ya?ml$"
_YAML = r"^.*\.ya?ml$"
_SHELL = r"^.*\.(sh|bash)$"
_LD = r"LD_LIBRARY_PATH"
# a whole statement, a line of a longer one, its last line, an export, a line of an environment in a compose file
_LD_LINES = (
    rf"^(?:ENV|export) {_LD}=\S+\n|^[ \t]+{_LD}=\S+[ \t]*\\\n|[ \t]*\\\n[ \t]+{_LD}=\S+(?=\n|\Z)"
    rf"|^[ \t]+(?:- )?{_LD}[:=][^\n]*\n"
)
_TRAP = r"^trap [^\n]*EXIT[^\n]*\n"
# the stage that is shipped: the one named so, or else the last
_RUNTIME = (
    r"(?i)^FROM [^\n]+ AS runtime[ \t]*\n"
    r"|\A(?!(?:.|\n)*^FROM [^\n]+ AS runtime[ \t]*\n)(?:.|\n)*^FROM [^\n]*\n(?!(?:.|\n)*^FROM )"
)
_CPUS_HERE = os.cpu_count() or 1


def _too_many(match: re.Match[str]) -> bool:
    return float(match["cpus"]) > _CPUS_HERE


def _as_many(match: re.Match[str]) -> str:
    return f"{match['key']}{_CPUS_HERE}" if _too_many(match) else match[0]


def _one_fuse(match: re.Match[str]) -> str:
    return re.sub(r"(?<=\s)fuse(?:\s*\\\n\s*|\s+|(?=$))", "", match[0], count=1)


def _both(packages: str) -> str:
    """Return a pattern of an `apt-get install` with both `fuse` and `fuse3`, in any order."""
    one = r"(?:[^&;\n\\]|\\\n)"
    return rf"apt-get install(?={one}*\sfuse(?:\s|\\|$))(?={one}*\sfuse3(?:\s|\\|$)){one}*" + packages


MISTAKES = (
    Mistake(
        _DOCKERFILE,
        r"^#\s*syntax\s*=",
        "fetches a frontend from a registry at every build",
        "no such line",
        whole=r"^#\s*syntax\s*=[^\n]*\n",
        correction="",
    ),
    Mistake(
        _DOCKERFILE,
        r"\bsetcap\b",
        "stops python where the capability is missing",
        "cap_add: [SYS_ADMIN]",
        whole=r"^RUN setcap [^\n&|;\\]*\n",
        correction="",
    ),
    Mistake(
        f"{_DOCKERFILE}|{_COMPOSE}|{_SHELL}",
        rf"\b{_LD}\b",
        "is not needed by either libfuse",
        "no such line",
        whole=_LD_LINES,
        correction="",
    ),
    Mistake(
        _DOCKERFILE,
        r"apt-get (?:remove|purge)[^\n]*libfuse2",
        "frees nothing in a later layer",
        "an image built with BACKENDS=pyfuse3",
        whole=r"^RUN apt-get (?:remove|purge)[^\n&|;\\]*libfuse2[^\n&|;\\]*\n",
        correction="",
    ),
    Mistake(
        _DOCKERFILE,
        _both(""),
        "installs fuse and fuse3, which exclude each other",
        "fuse3 alone",
        correction=_one_fuse,
    ),
    Mistake(
        _DOCKERFILE,
        r"^(?i:FROM .* AS tester\b)(?!(?:.|\n)*(?i:--from=tester\b|^FROM tester\b))",
        "is skipped by BuildKit, as nothing is copied from it",
        "COPY --from=tester in the runtime",
        whole=_RUNTIME,
        correction=r"\g<0># the tests must have passed: BuildKit skips a stage of which nothing is copied\n"
        r"COPY --from=tester /etc/os-release /etc/os-release\n",
    ),
    Mistake(
        _COMPOSE,
        r"^(?P<key>\s*cpus:\s*['\"]?)(?P<cpus>\d+(?:\.\d+)?)",
        f"is more than the {_CPUS_HERE} CPUs there are here, and refused by Docker",
        f"cpus: {_CPUS_HERE}",
        correction=_as_many,
        only=_too_many,
    ),
    Mistake(
        r"^.*\.json$",
        r'"op":\s*"SCMP_[^}]*"value":\s*"|"value":\s*"[^}]*SCMP_',
        "cannot be loaded: a number belongs there",
        "security/seccomp-fuse.json of the kit",
        kit="security/seccomp-fuse.json",
    ),
    Mistake(
        _SHELL,
        r"docker exec[^\n]*(?:\n[^\n]*){0,4}?export [^\n]*(?:\n[^\n]*){0,3}?kill -HUP",
        "changes nothing: nobody can change the environment of PID 1",
        "lighthouse-migrate rollback",
        whole=r"docker exec[^\n]*(?:\n[^\n]*){0,4}?export [^\n]*(?:\n[^\n]*){0,3}?kill -HUP[^\n\"']*(?:\n?\s*[\"'])?",
        correction="lighthouse-migrate rollback",
    ),
    Mistake(
        _SHELL,
        r"^trap [^\n]*EXIT(?:.|\n)*^exec [^\n]*(?i:python)",
        "exec discards the trap",
        "no trap: a Bridge unmounts by itself",
        whole=_TRAP,
        correction="",
    ),
    Mistake(
        r"^.*(validate|health).*\.py$",
        r"LIGHTHOUSE_ACTIVE_FUSE_BACKEND",
        "believes a variable, so the health check always passes",
        "scripts/docker/validate-fuse-backend.py of the kit",
        kit="scripts/docker/validate-fuse-backend.py",
    ),
    Mistake(
        _YAML, r"container:\s*\n\s*image: lighthouse:", "wants an image that no registry has", "docker build in the job"
    ),
    Mistake(
        _YAML,
        r"\bdocker-compose (?=-f|up|down|restart)",
        "is Compose 1, which is gone",
        "docker compose",
        correction="docker compose ",
    ),
)


def containers(context: Context) -> Finding | None:
    """Read the project's Dockerfiles, compose files, profiles, scripts and workflows."""
    why = "Each of them fails, or seems to work and does not."
    return table.judge(context, "containers", MISTAKES, why, "correct them; `kit write` gives files that work")


def mistakes(project: Path) -> Iterator[tuple[Path, int, str]]:
    """Yield each mistake: its file, its line counted from 1, and what is wrong and right."""
    return table.found(project, MISTAKES)


def repairs(project: Path) -> tuple[Edit, ...]:
    """Return what would correct those that can be corrected safely."""
    return table.repairs(project, MISTAKES)


CHECKS = (
    Check(
        "containers",
        "Do the container files say what works?",
        "project",
        containers,
        fine="no known mistake in the container files",
        repairs=repairs,
    ),
)
