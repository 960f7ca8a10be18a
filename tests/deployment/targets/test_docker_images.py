"""Builds: told instruction by instruction, and an instruction that fails is named with its remedy."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from deployment.errors import ChangeFailedError
from deployment.targets.docker_engine import Engine
from deployment.targets.docker_images import DOCKERFILE, build, context, untag
from tests.deployment.targets.engines import BASE

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]


def _dockerfile(*lines: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        text = "\n".join(["ARG BASE_IMAGE", "FROM ${BASE_IMAGE}", *lines, ""]).encode()
        entry = tarfile.TarInfo(DOCKERFILE)
        entry.size = len(text)
        tar.addfile(entry, io.BytesIO(text))
    return buffer.getvalue()


def test_a_build_says_what_it_does_and_what_it_made(tmp_path: Path) -> None:
    engine, said = Engine(tmp_path), list[str]()
    what = _dockerfile(f"RUN echo {tmp_path} > /made")
    try:
        build(engine, "dual", what, BASE, said.append, stage=None)
        assert engine.images() == {"dual"}
        assert said[0] == f"building image dual on {BASE}"
        assert f"3/4 RUN echo {tmp_path} > /made" in said[1]
        assert said[-1].startswith("built image dual: ") and "0 of 4 instructions from the cache" in said[-1]
        said.clear()
        build(engine, "dual", what, BASE, said.append, stage=None)
        assert len(said) == 2 and "2 of 4 instructions from the cache" in said[-1]
    finally:
        untag(engine, "dual")
    assert engine.images() == frozenset()


def test_an_instruction_that_fails_is_named_with_what_it_said(tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    with pytest.raises(
        ChangeFailedError, match=r"instruction 3/4 RUN echo it lacks a spoon && false failed"
    ) as failure:
        build(engine, "dual", _dockerfile("RUN echo it lacks a spoon && false"), BASE, print, stage=None)
    assert "it lacks a spoon" in failure.value.message.rpartition("returned a non-zero code")[2]
    assert "repair that" in failure.value.hint
    assert engine.images() == frozenset()


def test_a_base_image_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ChangeFailedError, match="image dual cannot be built") as failure:
        build(Engine(tmp_path), "dual", _dockerfile(), "nobody/has-this:1", print, stage=None)
    assert "docker.base_image" in failure.value.hint


def test_the_same_files_are_the_same_context() -> None:
    assert context() == context()
