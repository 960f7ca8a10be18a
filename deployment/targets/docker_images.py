"""Images of the Docker target: built from the kit's Dockerfile with exactly the backends of the image."""

from __future__ import annotations

import io
import os
import re
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deployment.errors import ChangeFailedError
from deployment.kit import build_context
from deployment.model import Image
from deployment.targets.docker_engine import IMAGE, ROUTER, Engine, refusal, talking
from deployment.targets.local_layout import Layout
from deployment.targets.local_wheels import PREBUILT
from deployment.targets.target import Say

BACKENDS = {Image.FUSE2: "fusepy", Image.DUAL: "fusepy pyfuse3", Image.FUSE3: "pyfuse3"}
DOCKERFILE = "Dockerfile.dual-fuse"
ROUTER_DOCKERFILE = """\
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
RUN apt-get update && apt-get install -y --no-install-recommends haproxy && rm -rf /var/lib/apt/lists/*
CMD ["haproxy", "-f", "haproxy.cfg"]
"""
CHATTER = ("--->", "Removing intermediate container")  # what the Engine says between the lines of an instruction
STEP = re.compile(r"Step (\d+)/(\d+) : (.*)", re.DOTALL)

NO_BASE = "`docker pull` the base image by hand, or set docker.base_image to one that is there"
REPAIR = "the instruction says what it needs: repair that and try again"
BUILD_REMEDIES = (
    (
        "no space left on device",
        "`docker system df` shows what uses the Engine's disk; `docker builder prune` frees it",
    ),
    ("pull access denied", NO_BASE),
    ("failed to resolve", NO_BASE),
    ("registry-1.docker.io", NO_BASE),
    ("manifest", NO_BASE),
    (
        "temporary failure resolving",
        "let the Engine's containers reach Debian's mirrors: `docker run --rm debian apt-get update`",
    ),
    ("unable to locate package", "the base image must be Debian: set docker.base_image"),
    (
        "could not find a version",
        f"let the build reach its package index, or name a folder of wheels: {PREBUILT}=FOLDER",
    ),
    ("copy failed", "the kit is not complete: install lighthouse-migrate again"),
)


def prepare(layout: Layout, engine: Engine, image: Image, base: str, say: Say, adopted: str = "") -> None:
    """Have an image at hand: the one that is there, the one that was kept, or one that is built.

    `adopted` is the id of an adopted container's image, which is where the migration begins.

    Raises:
        ChangeFailedError: It cannot be built.
        UnreachableError: The Engine does not answer.
    """
    if image in engine.images():
        return
    if adopted and image is Image.FUSE2:
        say("taking the adopted container's own image as image fuse2")
        with talking(f"tag image {image}"):
            engine.sdk.images.get(adopted).tag(engine.repository, image)
        return
    kept = _kept(layout, image)
    if kept.exists():
        say(f"loading image {image}, which was kept")
        with talking(f"load image {image}"), kept.open("rb") as stream:
            said = [entry for entry in engine.sdk.api.load_image(stream) if entry.get("error")]
        if said or image not in engine.images():
            why = str(said[-1]["error"]) if said else f"{kept} holds another image"
            raise refusal(f"load image {image} from {kept}", why)
        return
    build(engine, image, context(), base, say, BACKENDS=BACKENDS[image])


def prepare_router(engine: Engine, base: str, say: Say) -> None:
    """Have the router's image at hand: the base image with Debian's HAProxy."""
    if ROUTER not in engine.images():
        build(engine, ROUTER, _archive({DOCKERFILE: ROUTER_DOCKERFILE.encode()}), base, say, stage=None)


def remove(layout: Layout, engine: Engine, image: Image, say: Say) -> None:
    """Remove an image; those with fusepy are kept in the state folder first, for a rollback without a network."""
    if image not in engine.images():
        return
    if image is not Image.FUSE3:
        keep(layout, engine, image, say)
    untag(engine, image)


def keep(layout: Layout, engine: Engine, image: Image, say: Say) -> Path | None:
    """Save an image in the state folder where it is not kept yet, and return the tar; None where there is neither."""
    kept = _kept(layout, image)
    if not kept.exists():
        if image not in engine.images():
            return None
        kept.parent.mkdir(parents=True, exist_ok=True)
        beside = kept.with_suffix(".new")
        with talking(f"save image {image}"), beside.open("wb") as stream:
            for piece in engine.sdk.images.get(engine.tag(image)).save(named=True):
                stream.write(piece)
        beside.replace(kept)
        say(f"kept image {image} in {kept} ({kept.stat().st_size / 1e6:.0f} MB)")
    return kept


def size(engine: Engine, image: str) -> int:
    """Return the bytes of an image as the Engine counts them."""
    with talking(f"look at image {image}"):
        return int(engine.sdk.images.get(engine.tag(image)).attrs["Size"])


def untag(engine: Engine, image: str) -> None:
    """Take our tag off an image, which removes it unless somebody else has tagged it too; build layers stay cached."""
    with talking(f"remove image {image}"):
        engine.sdk.images.remove(engine.tag(image), noprune=True)


def build(
    engine: Engine,
    image: str,
    tar: bytes,
    base: str,
    say: Say,
    stage: str | None = "runtime",
    **arguments: str,
) -> None:
    """Build one image and say what is done, instruction by instruction.

    Raises:
        ChangeFailedError: An instruction failed; the error names it.
    """
    started = time.monotonic()
    say(f"building image {image} on {base}")
    with talking(f"build image {image}"):
        stream = engine.sdk.api.build(
            fileobj=io.BytesIO(tar),
            custom_context=True,
            dockerfile=DOCKERFILE,
            tag=engine.tag(image),
            target=stage,
            buildargs={"BASE_IMAGE": base, **arguments},
            # never the label of our containers: whoever starts one from this image would get it, too
            labels={IMAGE: image},
            rm=True,
            forcerm=True,
            decode=True,
            timeout=1800,
        )
        cached, steps = _follow(image, stream, say)
        size = engine.sdk.images.get(engine.tag(image)).attrs["Size"]
    seconds = time.monotonic() - started
    say(f"built image {image}: {size / 1e6:.1f} MB in {seconds:.1f} s, {cached} of {steps} instructions from the cache")


def _follow(image: str, stream: Iterator[dict[str, Any]], say: Say) -> tuple[int, int]:
    """Narrate a build and return how many instructions came from the cache, and how many there were."""
    started, step, told, words, cached, steps = time.monotonic(), "", False, "", 0, 0
    output: list[str] = []
    for entry in stream:
        if "error" in entry:
            raise _failed(image, step, str(entry["error"]), output)
        said = str(entry.get("stream") or entry.get("status") or "")
        if found := STEP.match(said):
            steps += 1
            words = " ".join(found[3].split())
            step, told, output = f"{found[1]}/{found[2]} {words}", False, []
        elif "Using cache" in said:
            cached += 1
        elif said.strip():
            output += [line for line in said.splitlines() if not line.strip().startswith(CHATTER)]
            if not told and "Running in" in said and words.startswith("RUN "):
                told = True
                say(f"{time.monotonic() - started:5.1f} s  {step[:100]}")
    return cached, steps


def _failed(image: str, step: str, error: str, output: list[str]) -> ChangeFailedError:
    said = " | ".join(line.strip() for line in "\n".join(output[-6:]).splitlines() if line.strip())[-400:]
    everything = f"{error} {said}".lower()
    hint = next((hint for words, hint in BUILD_REMEDIES if words in everything), REPAIR)
    where = f"instruction {step[:120]} failed" if step else "it did not begin"
    return ChangeFailedError(f"image {image} cannot be built: {where}: {error}{f' ({said})' if said else ''}", hint)


def context() -> bytes:
    """Return the build's context: what the kit builds from, and wheels where this machine has some."""
    found = {artefact.path: artefact.data for artefact in build_context()}
    if wheels := os.environ.get(PREBUILT):
        found |= {f"wheels/{wheel.name}": wheel.read_bytes() for wheel in Path(wheels).glob("*.whl")}
    return _archive(found)


def _archive(contents: dict[str, bytes]) -> bytes:
    """Return a tar of files, the same bytes for the same files, so that the Engine finds its cache again."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in sorted(contents.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755 if name.endswith(".sh") else 0o644
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _kept(layout: Layout, image: Image) -> Path:
    return layout.images / f"{image}.tar"
