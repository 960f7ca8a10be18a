"""Every mistake of the migration's documents is named with its line, and the kit makes none of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.containers import mistakes, repairs
from deployment.kit import everything
from runbook.rehearsal import sample_project

DOCUMENTS = {
    "Dockerfile.dual-fuse": """\
# syntax=docker/dockerfile:1
FROM python:3.11-slim-bookworm AS builder
RUN apt-get update && apt-get install -y \\
    libfuse2 \\
    fuse fuse3 \\
    && rm -rf /var/lib/apt/lists/*
FROM builder AS tester
RUN pytest
FROM python:3.11-slim-bookworm AS runtime
ENV LD_LIBRARY_PATH=/usr/lib
RUN setcap cap_sys_admin+ep /opt/venv/bin/python
RUN apt-get remove --purge libfuse2 fuse
""",
    "docker-compose.dual-fuse.yml": "services:\n  bridge:\n    deploy: {}\n    cpus: 4096.0\n",
    "seccomp.json": '{"syscalls": [{"args": [{"index": 2, "value": "fuse", "op": "SCMP_CMP_EQ"}]}]}\n',
    "rollback.sh": '# back\ndocker exec lighthouse-bridge sh -c "\n  export A=b\n  kill -HUP 1\n"\n',
    "start.sh": "trap cleanup EXIT\nmkdir -p there\nexec python -m lighthouse.bridge.main_bridge\n",
    "validate-fuse-backend.py": 'import os\nactive = os.environ.get("LIGHTHOUSE_ACTIVE_FUSE_BACKEND")\n',
    "ci.yml": "jobs:\n  a:\n    container:\n      image: lighthouse:dual-fuse\n    run: docker-compose -f x up -d\n",
}


def named(project: Path) -> list[tuple[str, int]]:
    return sorted((str(file.relative_to(project)), line) for file, line, _ in mistakes(project))


def test_every_mistake_of_the_documents_is_named(tmp_path: Path) -> None:
    for name, text in DOCUMENTS.items():
        (tmp_path / name).write_text(text)
    assert named(tmp_path) == [
        *[("Dockerfile.dual-fuse", line) for line in (1, 3, 7, 10, 11, 12)],
        ("ci.yml", 3),
        ("ci.yml", 5),
        ("docker-compose.dual-fuse.yml", 4),
        ("rollback.sh", 2),
        ("seccomp.json", 1),
        ("start.sh", 1),
        ("validate-fuse-backend.py", 2),
    ]


@pytest.mark.parametrize("name", ["Dockerfile.dual-fuse", "docker-compose.dual-fuse.yml", "start.sh"])
def test_a_comment_is_no_mistake(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("# RUN setcap\n# LD_LIBRARY_PATH\n")
    assert named(tmp_path) == []


def test_the_kit_makes_none_of_them(tmp_path: Path) -> None:
    for artefact in everything():
        path = tmp_path / artefact.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(artefact.data)
    assert named(tmp_path) == []


def test_the_sample_project_has_them(tmp_path: Path) -> None:
    sample_project.make(tmp_path / "service")
    found = {name for name, _ in named(tmp_path / "service")}
    assert {"Dockerfile.dual-fuse", "scripts/docker/validate-fuse-backend.py"} <= found
    assert {"scripts/docker/start-bridge-pyfuse3.sh", "scripts/migration/rollback.sh"} <= found


def test_the_tests_gate_the_stage_that_is_shipped(tmp_path: Path) -> None:
    stages = "FROM a AS tester\nRUN pytest\nFROM a AS runtime\nRUN b\nFROM runtime AS benchmark\nRUN c\n"
    (tmp_path / "Dockerfile").write_text(stages)
    (edit,) = repairs(tmp_path)
    shipped = edit.after.partition("FROM a AS runtime\n")[2]
    assert shipped.splitlines()[1] == "COPY --from=tester /etc/os-release /etc/os-release"
    assert edit.after.count("COPY") == 1
