"""Exhibits: Python packages that are missing, rivals, or broken, where the Bridge runs and where the tool does."""

from __future__ import annotations

import sysconfig
from pathlib import Path

from tests.checks.museum.exhibit import Exhibit
from tests.checks.worlds import overlay

SITE = sysconfig.get_paths()["purelib"]


def installed(world: Path, then: str) -> str:
    """Return shell commands that change what is installed, in this world only."""
    return overlay(world, SITE) + then


def rival(name: str, module: str, text: str = "") -> str:
    """Return shell commands that install another package with a module of this name, as an installer leaves it."""
    info = f"{name.replace('-', '_')}-1.0.dist-info"
    files = {
        f"{module}/__init__.py": text,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any",
        f"{info}/top_level.txt": module,
        f"{info}/INSTALLER": "uv",
    }
    record = "\n".join(f"{path},," for path in (*files, f"{info}/RECORD"))
    written = {**files, f"{info}/RECORD": record}
    lines = [f"cat > {SITE}/{path} <<'END'\n{content}\nEND\n" for path, content in written.items()]
    return f"mkdir -p {SITE}/{module} {SITE}/{info}\n{''.join(lines)}"


EXHIBITS = (
    Exhibit(
        "fuse-python in fusepy's place",
        "image.fusepy",
        "fuse-python 1.0 is installed, which has the module `fuse` too",
        lambda w: installed(
            w, f"rm -r {SITE}/fuse.py {SITE}/fusepy-*\n" + rival("fuse-python", "fuse", "class Fuse: 1")
        ),
        consequences=("mount.fusepy",),
        probes=True,
    ),
    Exhibit(
        "fuse-python beside fusepy",
        "image.fusepy",
        "fuse-python 1.0 is installed, which has the module `fuse` too",
        lambda w: installed(w, rival("fuse-python", "fuse", "class Fuse: 1")),
    ),
    Exhibit(
        "a file named fuse.py that is not fusepy's",
        "image.fusepy",
        "fuse.py, which is not fusepy",
        lambda w: installed(w, f"echo 'mine = True' > {SITE}/fuse.py\n"),
    ),
    Exhibit(
        "fusepy is not installed",
        "image.fusepy",
        "fusepy is not installed",
        lambda w: installed(w, f"rm -r {SITE}/fuse.py {SITE}/fusepy-*\n"),
        consequences=("mount.fusepy",),
        probes=True,
    ),
    Exhibit(
        "pyfuse3 is not installed",
        "image.pyfuse3",
        "pyfuse3 is not installed",
        lambda w: installed(w, f"rm -r {SITE}/pyfuse3 {SITE}/pyfuse3-*\n"),
        consequences=("mount.pyfuse3",),
        probes=True,
    ),
    Exhibit(
        "pyfuse3's extension was built for another Python",
        "image.pyfuse3",
        "which is not pyfuse3",
        lambda w: installed(
            w, f"cd {SITE}/pyfuse3; for f in *.cpython-*.so; do mv $f __init__.cpython-36m.so; done; cd - >/dev/null\n"
        ),
        consequences=("mount.pyfuse3",),
        probes=True,
    ),
    Exhibit(
        "trio is not installed",
        "image.trio",
        "trio is not installed",
        lambda w: installed(w, f"rm -r {SITE}/trio {SITE}/trio-*\n"),
        consequences=("image.pyfuse3",),
    ),
    Exhibit(
        "another package has the Bridge's name",
        "image.packages",
        "the package network-tools has a module `bridge` too",
        lambda w: installed(w, rival("network-tools", "bridge")),
    ),
    Exhibit(
        "another package has a name of the tool's",
        "host.packages",
        "the package health has a module `checks` too",
        lambda w: installed(w, rival("health", "checks")),
    ),
)
