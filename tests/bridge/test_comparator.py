"""The comparator between two real Bridges: silent where they agree, loud where they do not."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.backup import back_up
from tests.bridge.harness import Bridge, cleaned
from tests.waiting import until

pytestmark = pytest.mark.fuse


def mirrored(primary: Bridge, shadow: Bridge) -> None:
    primary.reload(LIGHTHOUSE_FUSE_PARALLEL_TEST="true", LIGHTHOUSE_SHADOW_URL=f"http://127.0.0.1:{shadow.port}")


def total(bridge: Bridge, name: str) -> int:
    lines = bridge.request("GET", "/metrics")[1].decode().splitlines()
    return int(sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name}{{")))


def comparisons(bridge: Bridge) -> int:
    return total(bridge, "lighthouse_fuse_backend_comparisons_total")


def divergences(bridge: Bridge) -> list[dict[str, Any]]:
    told: dict[str, list[dict[str, Any]]] = json.loads(bridge.request("GET", "/divergences")[1])
    return told["divergences"]


@pytest.fixture
def pair(short_tmp: Path) -> Iterator[tuple[Bridge, Bridge]]:
    store = short_tmp / "store.db"
    primary, shadow = Bridge(short_tmp / "p", store, "fusepy"), Bridge(short_tmp / "s", store, "pyfuse3")
    with cleaned(primary, shadow):
        primary.start()
        shadow.start()
        yield primary, shadow


def test_two_mounts_of_one_store_never_diverge_while_both_are_written_to(pair: tuple[Bridge, Bridge]) -> None:
    primary, shadow = pair
    stop = threading.Event()

    def work(bridge: Bridge, name: str) -> None:
        folder = bridge.current / name
        folder.mkdir()
        number = 0
        while not stop.wait(0.02):  # or the comparator would give way to them
            path = folder / str(number % 9)
            with path.open("wb") as file:
                file.write(os.urandom(100))
                file.flush()
                file.write(os.urandom(100_000))
            path.rename(folder / "moved")
            (folder / "moved").read_bytes()
            os.setxattr(folder / "moved", "user.n", str(number).encode())
            (folder / "moved").unlink()
            (folder / f"d{number % 5}").mkdir(exist_ok=True)
            number += 1

    threads = [
        threading.Thread(target=work, args=(side, name))
        for side, name in ((primary, "a"), (primary, "b"), (shadow, "c"))
    ]
    for thread in threads:
        thread.start()
    try:
        mirrored(primary, shadow)
        until(lambda: comparisons(primary) > 100, 90)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert divergences(primary) == []
    assert total(primary, "lighthouse_fuse_backend_divergence_total") == 0
    before = comparisons(primary)
    # the counts outlive the comparator
    primary.reload(LIGHTHOUSE_FUSE_PARALLEL_TEST="false")
    until(lambda: not (primary.folder / "state" / "comparator.sock").exists())
    assert comparisons(primary) >= before


def test_a_shadow_that_differs_is_found_by_path_and_operation(short_tmp: Path) -> None:
    primary = Bridge(short_tmp / "p", short_tmp / "store.db", "fusepy")
    shadow = Bridge(short_tmp / "s", short_tmp / "copy.db", "pyfuse3")
    with cleaned(primary, shadow):
        primary.start()
        for name in ("same", "content", "missing", "mode", "xattr"):
            primary.request("PUT", f"/files/{name}", name.encode())
        back_up(short_tmp / "store.db", short_tmp / "copy.db")
        shadow.start()
        status = (shadow.current / "content").stat()
        (shadow.current / "content").write_bytes(b"CONTENT")
        os.utime(shadow.current / "content", ns=(status.st_atime_ns, status.st_mtime_ns))
        (shadow.current / "missing").unlink()
        (shadow.current / "mode").chmod(0o600)
        os.setxattr(shadow.current / "xattr", "user.x", b"y")
        mirrored(primary, shadow)
        until(lambda: (primary.folder / "state" / "comparator.sock").exists())

        def seen() -> set[str]:
            for name in ("same", "content", "missing", "mode", "xattr"):
                (primary.current / name).read_bytes()
            return {found["path"] for found in divergences(primary)}

        wanted = {f"current/{name}" for name in ("content", "missing", "mode", "xattr")}
        until(lambda: wanted <= seen())
        assert "current/same" not in seen()
        found = {one["path"]: one for one in divergences(primary)}
        assert found["current/missing"]["shadow"] == {"backend": "pyfuse3", "error": "ENOENT"}
        assert found["current/content"]["primary"]["content"] != found["current/content"]["shadow"]["content"]
        assert found["current/mode"]["shadow"]["attributes"]["st_mode"] & 0o777 == 0o600
        assert (
            primary.metric(
                "lighthouse_fuse_backend_divergence_total", operation="read", primary="fusepy", shadow="pyfuse3"
            )
            or 0
        ) > 0


def test_a_shadow_that_does_not_answer_is_not_a_divergence(pair: tuple[Bridge, Bridge]) -> None:
    primary, shadow = pair
    shadow.stop()
    mirrored(primary, shadow)
    until(lambda: (primary.folder / "state" / "comparator.sock").exists())
    primary.request("PUT", "/files/a", b"x")
    until(lambda: "cannot compare" in primary.log())
    assert comparisons(primary) == 0
    assert divergences(primary) == []
    shadow.start()
    until(lambda: primary.request("GET", "/files/a") and comparisons(primary) > 0)
    assert divergences(primary) == []


def test_what_clients_do_through_the_shadow_alone_is_compared_too(pair: tuple[Bridge, Bridge]) -> None:
    """As in week 7, where nobody is left on the primary: its tap tells of nothing."""
    primary, shadow = pair
    mirrored(primary, shadow)
    (shadow.current / "folder").mkdir()
    for number in range(5):
        (shadow.current / "folder" / str(number)).write_bytes(b"x")

    def known() -> int:
        told: dict[str, int] = json.loads(primary.request("GET", "/divergences")[1])
        return told["known"]

    until(lambda: known() >= 7)  # current, the folder, and what is in it
    assert divergences(primary) == []
    before = comparisons(primary)
    until(lambda: comparisons(primary) > before)
