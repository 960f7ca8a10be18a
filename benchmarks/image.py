"""What the images weigh and how long they take to build. Run by `./dev bench image`.

Sizes are the Engine's, in MB (10^6 bytes), everything below included. A cold build starts without a layer of ours and
fetches and compiles everything; a cached one builds what is there; a changed one follows an edit of the Bridge's
source. Built from the kit as `kit write` lays it out, with the builder that every Engine has. Layers stay in the
Engine's cache; the tags go.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from deployment.kit import build_context
from deployment.model import Image
from deployment.targets.docker_images import BACKENDS
from deployment.targets.target import DockerPlace

LARGEST_SECOND_BACKEND = 10.0  # MB


def lay_out(folder: Path) -> None:
    """Write what an image is built from."""
    for artefact in build_context():
        path = folder / artefact.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(artefact.data)


def build(folder: Path, name: Image, base: str, *, cold: bool = False) -> float:
    """Build the runtime of an image and return how many seconds it took."""
    started = time.monotonic()
    command = ["docker", "build", "-q", "-f", str(folder / "Dockerfile.dual-fuse"), "--target", "runtime"]
    command += ["--build-arg", f"BASE_IMAGE={base}", "--build-arg", f"BACKENDS={BACKENDS[name]}"]
    command += [*(["--no-cache"] if cold else []), "-t", tag(name), str(folder)]
    done = subprocess.run(
        command,
        env={**os.environ, "DOCKER_BUILDKIT": "0"},
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise SystemExit(f"the image {name} cannot be built:\n{done.stdout[-1500:]}{done.stderr[-1500:]}")
    seconds = time.monotonic() - started
    print(f"{name}: {seconds:.1f} s", file=sys.stderr)
    return seconds


def tag(name: Image) -> str:
    """Return the tag of an image of this benchmark."""
    return f"lighthouse-bench-image:{name}"


def megabytes(image: str) -> float:
    """Return what the Engine says an image weighs."""
    told = subprocess.run(["docker", "inspect", "-f", "{{.Size}}", image], capture_output=True, text=True)
    if told.returncode != 0:
        raise SystemExit(f"there is no image {image}: `.ci/base-image` makes the base, or pull it")
    return int(told.stdout) / 1e6


def main() -> int:
    """Build, weigh and print one JSON object; the exit status says whether the second backend is light enough."""
    parser = argparse.ArgumentParser(prog="./dev bench image", description=__doc__)
    parser.add_argument("--base", default=DockerPlace().base_image, help="the base image")
    parser.add_argument("--quick", action="store_true", help="no cold builds: only what the cache has not")
    chosen = parser.parse_args()
    figures = {"base_mb": megabytes(chosen.base)}
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lay_out(folder)
        for image in Image:
            seconds[f"{image}_{'first' if chosen.quick else 'cold'}"] = build(
                folder, image, chosen.base, cold=not chosen.quick
            )
            seconds[f"{image}_cached"] = build(folder, image, chosen.base)
            figures[f"{image}_mb"] = megabytes(tag(image))
        source = folder / "app/bridge/main_bridge.py"
        source.write_text(source.read_text("utf-8") + "\n", "utf-8")
        seconds["dual_changed"] = build(folder, Image.DUAL, chosen.base)
    for image in Image:
        subprocess.run(["docker", "image", "rm", "-f", tag(image)], capture_output=True, check=True)
    figures["second_backend_mb"] = figures["dual_mb"] - min(figures["fuse2_mb"], figures["fuse3_mb"])
    told = {key: round(value, 1) for key, value in figures.items()}
    light = figures["second_backend_mb"] <= LARGEST_SECOND_BACKEND
    print(json.dumps({**told, "build_seconds": {k: round(v, 1) for k, v in seconds.items()}, "ok": light}))
    return 0 if light else 1


if __name__ == "__main__":
    sys.exit(main())
