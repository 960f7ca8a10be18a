"""Proves of images, Debian packages and wheels that they can be restored, without touching the Engine or the host."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path


def images(tars: Sequence[Path]) -> list[str]:
    """Return what is wrong with images as `docker save` writes them: each layer must have its digest."""
    return [f"the image {tar.name} cannot be loaded: {why}" for tar in tars for why in _wrong_with(tar)]


def digest(tar: Path) -> str:
    """Return the id of the image in a tar, which is the digest of its configuration."""
    with tarfile.open(tar) as opened:
        (described,) = json.load(_member(opened, "manifest.json"))
        return hashlib.sha256(_member(opened, described["Config"]).read()).hexdigest()


def _wrong_with(tar: Path) -> list[str]:
    try:
        with tarfile.open(tar) as opened:
            wrong = []
            for described in json.load(_member(opened, "manifest.json")):
                raw = _member(opened, described["Config"]).read()
                said = Path(described["Config"]).name.removesuffix(".json")
                if hashlib.sha256(raw).hexdigest() != said:
                    wrong.append("its configuration was changed")
                wanted = json.loads(raw)["rootfs"]["diff_ids"]
                layers = [_member(opened, layer) for layer in described["Layers"]]
                found = [f"sha256:{hashlib.file_digest(layer, 'sha256').hexdigest()}" for layer in layers]
                if found != wanted:
                    wrong.append("a layer was changed or is missing")
            return wrong
    except (OSError, KeyError, ValueError, tarfile.TarError) as error:
        return [str(error) or type(error).__name__]


def _member(opened: tarfile.TarFile, name: str) -> tarfile.ExFileObject:
    member = opened.extractfile(name)
    if member is None:
        raise KeyError(f"{name} is no file in it")
    return member  # type: ignore[return-value]


def packages(debs: Sequence[Path], root: Path) -> list[str]:
    """Unpack Debian packages below a scratch folder and return what went wrong."""
    problems = []
    for deb in debs:
        done = subprocess.run(["dpkg-deb", "--extract", str(deb), str(root)], capture_output=True, text=True)
        if done.returncode != 0:
            problems.append(f"the package {deb.name} does not unpack: {done.stderr.strip()}")
    return problems


def wheels(found: Sequence[Path], site: Path) -> list[str]:
    """Install wheels without a network into a scratch folder and return what went wrong."""
    if not found:
        return []
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--offline", "--no-deps", "--no-cache"]
    command += ["--python", sys.executable, "--target", str(site), *map(str, found)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 0:
        return []
    return [f"the wheels do not install: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}"]
