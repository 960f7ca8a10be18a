"""Tells what the deployment kit gave from what is the project's own: the kit knows both backends by design."""

from __future__ import annotations

from functools import cache

from deployment import kit

WHY = "the kit's own, as it was given: it serves the backend that is set, which is pyfuse3"


@cache
def _given() -> dict[str, str]:
    return {artefact.path: artefact.data.decode(errors="surrogateescape") for artefact in kit.everything()}


@cache
def _lines(path: str) -> frozenset[str]:
    return frozenset(_given().get(path, "").splitlines())


def is_own(path: str, text: str) -> bool:
    """Return whether a file is as the kit gave it."""
    return _given().get(path) == text


def is_own_line(path: str, line: str) -> bool:
    """Return whether a line stands in the file of that name as the kit gave it."""
    return line in _lines(path)
