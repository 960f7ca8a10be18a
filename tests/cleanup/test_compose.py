"""Compose files are set to pyfuse3 alone, every other byte as it was."""

from __future__ import annotations

import pytest

from cleanup.compose import single_backend

COMPOSE = """\
# both backends
services:
  bridge:
    image: lighthouse:dual-fuse   # built from Dockerfile.dual-fuse
    environment:
      LIGHTHOUSE_FUSE_BACKEND: fusepy          # who serves
      LIGHTHOUSE_FUSE_FALLBACK: "pyfuse3"
      LIGHTHOUSE_PORT:   8765
  shadow:
    environment:
    - LIGHTHOUSE_FUSE_BACKEND=${BACKEND:-fusepy}
    - 'LIGHTHOUSE_FUSE_FALLBACK=none'
    - OTHER=fusepy
  done: {environment: {LIGHTHOUSE_FUSE_BACKEND: pyfuse3}}
"""


def test_the_settings_of_every_service_change_in_place() -> None:
    done = single_backend(COMPOSE)
    expected = (
        COMPOSE.replace("BACKEND: fusepy          #", "BACKEND: pyfuse3          #")
        .replace('"pyfuse3"', '"none"')
        .replace("${BACKEND:-fusepy}", "${BACKEND:-pyfuse3}")
    )
    assert done == expected
    assert single_backend(done) == done


@pytest.mark.parametrize("text", ["", "a: [", "services: []\n", "services:\n  a:\n", "- fusepy\n", "x: fusepy\n"])
def test_what_it_does_not_understand_stays(text: str) -> None:
    assert single_backend(text) == text
