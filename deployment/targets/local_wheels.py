"""The wheelhouse: every package an image is built from, kept in the state folder.

Week 8 takes fusepy away, and a rollback after it must bring it back when the package index is not to be reached. So
packages are fetched once, and images are only ever built from here, without a network.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from importlib.resources import files
from pathlib import Path

from deployment.errors import ChangeFailedError
from deployment.model import Image
from deployment.targets import processes
from deployment.targets.target import Say

PREBUILT = "LIGHTHOUSE_MIGRATE_WHEELS"  # a folder of wheels to take before the package index is asked

LISTS = {
    Image.FUSE2: ("common", "fuse2"),
    Image.DUAL: ("common", "fuse2", "fuse3"),
    Image.FUSE3: ("common", "fuse3"),
}

TOOLS = "apt-get install -y --no-install-recommends gcc libc6-dev pkg-config libfuse3-dev python3-dev"


def pins(image: Image) -> tuple[str, ...]:
    """Return the exact packages of an image, "name==version" each."""
    lines = [
        line.partition("#")[0].strip()
        for name in LISTS[image]
        for line in (files("deployment") / "requirements" / f"{name}.txt").read_text("utf-8").splitlines()
    ]
    return tuple(line for line in lines if line)


def gather(image: Image, house: Path, say: Say) -> None:
    """Bring every wheel of an image into the wheelhouse; those that are there are left alone.

    Raises:
        ChangeFailedError: A package cannot be had, or the tools to build it are missing.
    """
    house.mkdir(parents=True, exist_ok=True)
    prebuilt = os.environ.get(PREBUILT)
    for pin in pins(image):
        if _find(pin, house) is None and prebuilt and (wheel := _find(pin, Path(prebuilt))):
            beside = house / f".{wheel.name}.{os.getpid()}"
            shutil.copyfile(wheel, beside)
            beside.replace(house / wheel.name)
    missing = [pin for pin in pins(image) if _find(pin, house) is None]
    if not missing:
        return
    if any(pin.startswith("pyfuse3==") for pin in missing):
        _require_tools()
        say("building pyfuse3, which comes as source only (about 20 s, once)")
    else:
        say(f"fetching {len(missing)} packages")
    _fetch(missing, house)


def _fetch(missing: list[str], house: Path) -> None:
    """Fetch or build wheels beside the wheelhouse and move them in when all are there."""
    from uv import find_uv_bin

    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=house) as folder:
        builder, wheels = Path(folder, "builder"), Path(folder, "wheels")
        # pip knows what uv does not: to make a wheel of everything, and the operator's own pip configuration
        _run([find_uv_bin(), "venv", "--quiet", "--seed", "--python", sys.executable, str(builder)], missing)
        pip = [str(builder / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "wheel", "--no-deps", "--wheel-dir", str(wheels), *missing], missing)
        for wheel in wheels.iterdir():
            wheel.replace(house / wheel.name)


def _run(argv: list[str], missing: list[str]) -> None:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON") and k != "VIRTUAL_ENV"}
    try:
        done = subprocess.run(argv, env=clean, capture_output=True, text=True, timeout=600, check=False)
    except subprocess.TimeoutExpired as error:
        raise ChangeFailedError(f"fetching {', '.join(missing)} took more than 10 minutes", _offline()) from error
    if done.returncode != 0:
        words = [line for line in done.stderr.splitlines() if "error" in line.lower()] or done.stderr.splitlines()
        raise ChangeFailedError(f"cannot fetch {', '.join(missing)}: {' '.join(words[-2:])[:400]}", _offline())


def _offline() -> str:
    return f"let this machine reach its package index, or name a folder that has the wheels: {PREBUILT}=FOLDER"


def _require_tools() -> None:
    """Say what is missing to build pyfuse3 before the compiler says it in its own way."""
    missing = [tool for tool in ("gcc", "pkg-config") if processes.which(tool) is None]
    if not missing:
        asked = subprocess.run(["pkg-config", "--exists", "fuse3"], check=False, env=processes.environment())
        missing += [] if asked.returncode == 0 else ["libfuse3-dev"]
    if not Path(sysconfig.get_paths()["include"], "Python.h").exists():
        missing.append("Python.h")
    if missing:
        raise ChangeFailedError(f"pyfuse3 cannot be built without {', '.join(missing)}", TOOLS)


def _find(pin: str, folder: Path) -> Path | None:
    """Return the wheel of a pin that this interpreter can use, or None."""
    name, version = pin.split("==")
    stem = f"{re.sub(r'[-_.]+', '_', name)}-{version}-"
    mine = f"cp{sys.version_info.major}{sys.version_info.minor}"
    for wheel in sorted(folder.glob("*.whl")):
        tags = wheel.name[len(stem) :]
        fits = f"{mine}-" in tags or tags.startswith(("py3-", "py2.py3-")) or "-abi3-" in tags
        if wheel.name.lower().startswith(stem.lower()) and fits:
            return wheel
    return None
