"""Exhibits: a service's own repository with one mistake of the migration's documents in it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from checks.registry import CHECKS
from checks.runner import run
from runbook.settings import FILE
from tests.checks.museum.exhibit import Visit
from tests.checks.places import HostTarget, context_in
from tests.cleanup import projects
from tests.ports import free_ports

ASKED = tuple(c.id for c in CHECKS.values() if c.repairs is not None)
DOCKERFILE = (
    "FROM python:3.11-slim-bookworm\nRUN apt-get update && apt-get install -y \\\n    libfuse2 \\\n    fuse3 \\\n"
    "    libfuse3-3\nCOPY requirements.txt ./\n"
    'RUN pip install -r requirements.txt\nCMD ["python", "-m", "lighthouse.bridge.main_bridge"]\n'
)
#: A project without a mistake.
HEALTHY = {
    "Dockerfile": DOCKERFILE,
    "requirements.txt": "pyfuse3\ntrio\n",
    "docker-compose.yml": "services:\n  bridge:\n    build: .\n    cpus: 1\n    cap_add: [SYS_ADMIN]\n",
    "rules.yml": (
        "groups:\n- name: bridge\n  rules:\n  - alert: Slow\n"
        "    expr: histogram_quantile(0.95, sum by (backend, le) (rate(lighthouse_fuse_seconds_bucket[5m]))) > 1\n"
    ),
    "app.py": "from fuse import FUSE\nFUSE(Files(), '/mnt/here', foreground=True, allow_other=True)\n",
}


@dataclass(frozen=True, slots=True)
class ProjectExhibit:
    """One project with one mistake: what its files are, where they differ from the healthy one."""

    name: str
    finds: str
    seen: str
    files: dict[str, str]

    def visit(self, folder: Path) -> Visit:
        """Ask the project's checks, let `check --fix` repair what was found, agreed to beforehand, and ask again."""
        project = projects.make(folder / "project", HEALTHY | self.files)
        first = free_ports(1)[0]
        settings = folder / FILE
        settings.write_text(f'project = "project"\n[target]\nlive = "live"\n[ports]\nprometheus = {first}\n')
        context = context_in(folder, HostTarget(), project=project)
        found = {r.check.id: r.finding for r in run(ASKED, context) if r.finding is not None}
        commands = found[self.finds].commands if self.finds in found else ()
        for command in commands:
            program, *arguments = command.split()
            assert program == "lighthouse-migrate"
            run_it = [sys.executable, "-c", "from runbook.cli.main import run; run()", "--settings", str(settings)]
            subprocess.run([*run_it, *arguments, "--yes"], cwd=folder, check=True, capture_output=True)
        after = {r.check.id: r.finding for r in run(ASKED, context) if r.finding is not None}
        return Visit({i: f.seen for i, f in found.items()}, {i: f.seen for i, f in after.items()}, commands)

    @property
    def consequences(self) -> tuple[str, ...]:
        """What else is found because of it: nothing."""
        return ()


def _dockerfile(old: str, new: str) -> dict[str, str]:
    assert old in DOCKERFILE
    return {"Dockerfile": DOCKERFILE.replace(old, new)}


_QUANTILE = "histogram_quantile(0.95, lighthouse_fuse_operation_duration_seconds)"

EXHIBITS = (
    ProjectExhibit(
        "the container runs the MCP server",
        "boundary",
        "start.sh:2 exec python -m lighthouse.mcp_server",
        {"start.sh": "#!/bin/bash\nexec python -m lighthouse.mcp_server\n"},
    ),
    ProjectExhibit(
        "the MCP server in the list form of a Dockerfile",
        "boundary",
        '"lighthouse.mcp_server"',
        _dockerfile("lighthouse.bridge.main_bridge", "lighthouse.mcp_server"),
    ),
    ProjectExhibit(
        "mcp in the container's requirements",
        "boundary",
        "requirements.txt:2 mcp>=1.0",
        {"requirements.txt": "pyfuse3\nmcp>=1.0\ntrio\n"},
    ),
    ProjectExhibit(
        "fuse and fuse3 installed together",
        "containers",
        "installs fuse and fuse3, which exclude each other",
        _dockerfile("    fuse3 \\\n", "    fuse \\\n    fuse3 \\\n"),
    ),
    ProjectExhibit(
        "a syntax line",
        "containers",
        "fetches a frontend from a registry at every build",
        _dockerfile("FROM", "# syntax=docker/dockerfile:1\nFROM"),
    ),
    ProjectExhibit(
        "setcap on a virtual environment's python",
        "containers",
        "stops python where the capability is missing",
        _dockerfile("CMD", "RUN setcap cap_sys_admin+ep /opt/venv/bin/python\nCMD"),
    ),
    ProjectExhibit(
        "LD_LIBRARY_PATH",
        "containers",
        "is not needed by either libfuse",
        _dockerfile("CMD", 'ENV LIGHTHOUSE_PORT=8765 \\\n    LD_LIBRARY_PATH="/usr/lib:$LD_LIBRARY_PATH"\nCMD'),
    ),
    ProjectExhibit(
        "a purge in a later layer",
        "containers",
        "frees nothing in a later layer",
        _dockerfile("CMD", "RUN apt-get remove --purge libfuse2 fuse\nCMD"),
    ),
    ProjectExhibit(
        "more CPUs than there are",
        "containers",
        "CPUs there are here, and refused by Docker",
        {"docker-compose.yml": HEALTHY["docker-compose.yml"].replace("cpus: 1", "cpus: 4096.0")},
    ),
    ProjectExhibit(
        "a seccomp profile that cannot be loaded",
        "containers",
        "cannot be loaded: a number belongs there",
        {"seccomp.json": '{"syscalls": [{"args": [{"index": 2, "value": "fuse", "op": "SCMP_CMP_EQ"}]}]}\n'},
    ),
    ProjectExhibit(
        "a rollback by HUP that changes nothing",
        "containers",
        "changes nothing: nobody can change the environment of PID 1",
        {"back.sh": '#!/bin/bash\ndocker exec bridge sh -c "\n  export BACKEND=fusepy\n  kill -HUP 1\n"\n'},
    ),
    ProjectExhibit(
        "a trap that exec discards",
        "containers",
        "exec discards the trap",
        {"start.sh": "trap cleanup EXIT\nexec python -m lighthouse.bridge.main_bridge\n"},
    ),
    ProjectExhibit(
        "a health check that always passes",
        "containers",
        "believes a variable, so the health check always passes",
        {"validate-fuse.py": "import os\nactive = os.environ.get('LIGHTHOUSE_ACTIVE_FUSE_BACKEND')\n"},
    ),
    ProjectExhibit(
        "Compose 1",
        "containers",
        "is Compose 1, which is gone",
        {"ci.yml": "jobs:\n  up:\n    run: docker-compose -f x.yml up -d\n"},
    ),
    ProjectExhibit(
        "a tester stage that BuildKit skips",
        "containers",
        "is skipped by BuildKit",
        _dockerfile("FROM python", "FROM python:3.11 AS tester\nRUN pytest\nFROM python"),
    ),
    ProjectExhibit(
        "a quantile without rate",
        "project.queries",
        "a quantile is of the rate of the buckets",
        {"dashboard.json": f'{{"targets": [{{"expr": "{_QUANTILE}"}}]}}\n'},
    ),
    ProjectExhibit(
        "a quantile without le",
        "project.queries",
        "without `le` there are no buckets left",
        {"slow.rules": "expr: histogram_quantile(0.95, sum by (backend) (rate(lighthouse_seconds_bucket[5m])))\n"},
    ),
    ProjectExhibit(
        "nonempty in a call",
        "project.mount-options",
        "has the mount option nonempty, which pyfuse3 refuses",
        {"app.py": "from fuse import FUSE\nFUSE(Files(), '/mnt/here', foreground=True, nonempty=True)\n"},
    ),
    ProjectExhibit(
        "big_writes and use_ino in a list",
        "project.mount-options",
        "has the mount option big_writes, which pyfuse3 refuses",
        {"bridge.env": "FUSE_OPTIONS=allow_other,big_writes,use_ino,noatime\n"},
    ),
)
