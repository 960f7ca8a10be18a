"""A small service as the documents lay it out, under git: what the purge finds, and what it must leave alone."""

from __future__ import annotations

import subprocess
from pathlib import Path

FILES = {
    "README.md": "# lighthouse\n\nIt ran on fusepy before.\n",
    "requirements.txt": "# what the service needs\nfusepy==3.0.1  # the old one\npyfuse3>=3.4\ntrio\n\nstarlette\n",
    "requirements-dev.txt": (
        "-r requirements.txt\npytest\nfusepy ; python_version >= '3.9' \\\n    --hash=sha256:00\nruff\n"
    ),
    "pyproject.toml": (
        '[project]\nname = "lighthouse"   # spaced as its author likes\nversion = "1"\n'
        'dependencies = [\n    "fusepy>=3",   # old\n    "pyfuse3>=3.4",  # new\n]\n\n'
        '[project.optional-dependencies]\nmount = ["fusepy", "trio"]\n\n'
        '[tool.poetry.dependencies]\nfusepy = "^3"\ntrio = "*"\n'
    ),
    "Dockerfile.dual-fuse": (
        "ARG BASE_IMAGE=python:3.11-slim-bookworm\n\n"
        "# the libraries of both backends\nFROM ${BASE_IMAGE} AS fuse\n"
        "RUN apt-get update && apt-get install -y --no-install-recommends \\\n"
        "    libfuse2 \\\n    # stays\n    libfuse3-3 \\\n    fuse3 \\\n    && rm -rf /var/lib/apt/lists/*\n"
        "COPY requirements.txt ./\nCOPY scripts/migration/ /opt/migration/\n"
        "RUN pip install --no-cache-dir fusepy==3.0.1 pyfuse3\n"
        "ENV LIGHTHOUSE_FUSE_BACKEND=fusepy \\\n    LIGHTHOUSE_FUSE_FALLBACK=pyfuse3\n"
        'CMD ["python", "-m", "lighthouse.bridge.main_bridge"]\n'
    ),
    ".github/workflows/ci.yml": (
        "name: ci\non:\n  push: {branches: [main]}\n\njobs:\n"
        "  # the old backend\n  test-fusepy:\n    runs-on: ubuntu-latest\n    steps:\n    - run: pytest -k fusepy\n\n"
        "  # the new backend\n  test-pyfuse3:\n    needs: [test-fusepy, lint]\n    runs-on: ubuntu-latest\n"
        "    strategy:\n      matrix:\n        backend: [fusepy, pyfuse3]\n        python: ['3.11',  '3.12']\n"
        "    steps:\n"
        "    - run: |\n        sudo apt-get install -y libfuse2 fuse3\n        pytest -k pyfuse3\n\n"
        "  lint:\n    runs-on: ubuntu-latest\n    steps: [{run: ruff check}]\n"
    ),
    "src/lighthouse/__init__.py": "",
    "src/lighthouse/fuse/backends/fusepy/__init__.py": "from fuse import FUSE\n",
    "src/lighthouse/fuse/backends/fusepy/mount.py": "import fuse\n",
    "src/lighthouse/fuse/backends/pyfuse3/__init__.py": "import pyfuse3\n",
    "src/lighthouse/files.py": 'from fuse import FuseOSError, Operations\n\nNAME = "import fuse"  # no import\n',
    "scripts/migration/compare.sh": "#!/bin/sh\necho compare\n",
    "scripts/start.sh": "#!/bin/sh\nexec python -m lighthouse.bridge.main_bridge\n",
    "docs/history.md": "fusepy and libfuse2 served until week 8.\nA fuse blew once.\n",
    "logo.png": "\0fusepy\0",
}


def git(project: Path, *arguments: str) -> str:
    """Run git in a project and return what it printed."""
    identity = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
    done = subprocess.run(
        ["git", "-C", str(project), *identity, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def make(folder: Path, files: dict[str, str] | None = None) -> Path:
    """Make a project of these files, all committed."""
    folder.mkdir(parents=True)
    for name, text in (FILES if files is None else files).items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
        if text.startswith("#!"):
            file.chmod(0o755)
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=the service")
    return folder


def everything(project: Path) -> dict[str, bytes]:
    """Return every file of a project, also git's own, byte by byte."""
    return {
        str(f.relative_to(project)): f.read_bytes() for f in project.rglob("*") if f.is_file() and not f.is_symlink()
    }
