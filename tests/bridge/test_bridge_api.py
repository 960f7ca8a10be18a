"""The HTTP API of a running Bridge, on each backend."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bridge.web.work import LARGEST_BODY
from tests.bridge.harness import Bridge

pytestmark = pytest.mark.fuse


def test_health_says_who_really_serves_and_what_it_was_told(bridge: Bridge) -> None:
    status, body = bridge.request("GET", "/health")
    told = json.loads(body)
    assert status == 200
    assert told["status"] == "ok"
    assert told["backend"] == told["configured"] == bridge.settings["LIGHTHOUSE_FUSE_BACKEND"]
    assert told["fallback"] is None
    assert told["reason"] == ""
    assert told["mount_point"] == str(bridge.mount)
    assert bridge.process is not None
    assert told["pid"] == bridge.process.pid
    serving = Path(f"/proc/{told['mount_pid']}/cmdline").read_bytes().split(b"\0")
    assert b"bridge.mount_process" in serving
    assert told["generation"] == 1
    assert {key: told["config"][key] for key in bridge.settings} == bridge.settings
    assert bridge.request("GET", "/ready") == (200, b'{"ready":true}')


def test_a_file_is_stored_read_replaced_listed_and_removed(bridge: Bridge) -> None:
    assert bridge.request("PUT", "/files/a/b/c.txt", b"one") == (201, b"")
    assert bridge.request("GET", "/files/a/b/c.txt") == (200, b"one")
    assert bridge.request("PUT", "/files/a/b/c.txt", b"two") == (204, b"")
    assert (bridge.current / "a/b/c.txt").read_bytes() == b"two"
    assert json.loads(bridge.request("GET", "/list/a/b")[1]) == ["c.txt"]
    assert "a" in json.loads(bridge.request("GET", "/list")[1])
    assert "a" in json.loads(bridge.request("GET", "/list/")[1])
    assert bridge.request("DELETE", "/files/a/b/c.txt")[0] == 204
    assert bridge.request("GET", "/files/a/b/c.txt")[0] == 404
    assert bridge.request("DELETE", "/files/a/b")[0] == 204


def test_what_is_written_by_mount_is_read_by_http(bridge: Bridge) -> None:
    content = os.urandom(2_000_000)
    (bridge.current / "big").write_bytes(content)
    assert bridge.request("GET", "/files/big") == (200, content)
    assert bridge.request("PUT", "/files/big2", content)[0] == 201
    assert (bridge.current / "big2").read_bytes() == content
    (bridge.current / "big").unlink()
    (bridge.current / "big2").unlink()


def test_replacing_keeps_the_permissions_and_leaves_nothing_half_done(bridge: Bridge) -> None:
    bridge.request("PUT", "/files/script", b"#!/bin/sh")
    (bridge.current / "script").chmod(0o750)
    bridge.request("PUT", "/files/script", b"#!/bin/sh\nexit 0")
    assert (bridge.current / "script").stat().st_mode & 0o7777 == 0o750
    assert list((bridge.current / ".incoming").iterdir()) == []


def test_an_empty_body_is_an_empty_file(bridge: Bridge) -> None:
    assert bridge.request("PUT", "/files/empty", b"")[0] == 201
    assert bridge.request("GET", "/files/empty") == (200, b"")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/files/missing", 404),
        ("GET", "/files/missing/below", 404),
        ("GET", "/files/folder", 409),
        ("PUT", "/files/folder", 409),
        ("PUT", "/files/file/below", 404),
        ("DELETE", "/files/missing", 404),
        ("DELETE", "/files/folder", 409),
        ("GET", "/list/missing", 404),
        ("GET", "/list/file", 404),
        ("GET", "/files/../file", 400),
        ("GET", "/files/%2e%2e/%2e%2e/etc/passwd", 400),
        ("GET", "/files//etc/passwd", 400),
        ("GET", "/files/a%00b", 400),
        ("PUT", "/files/.incoming/x", 400),
        ("PUT", "/files/" + "n" * 256, 400),
        ("GET", "/files/outside", 403),
        ("GET", "/files/outside_folder/passwd", 403),
        ("PUT", "/files/outside_folder/new", 403),
        ("POST", "/files/file", 405),
        ("GET", "/nothing", 404),
    ],
)
def test_what_cannot_be_is_refused(bridge: Bridge, method: str, path: str, status: int) -> None:
    (bridge.current / "folder/x").mkdir(parents=True, exist_ok=True)
    (bridge.current / "file").touch()
    for name, target in (("outside", "/etc/passwd"), ("outside_folder", "/etc")):
        if not (bridge.current / name).is_symlink():
            (bridge.current / name).symlink_to(target)
    assert bridge.request(method, path, b"x" if method == "PUT" else None)[0] == status
    assert not Path("/etc/new").exists()


def test_a_link_within_the_tree_is_followed(bridge: Bridge) -> None:
    (bridge.current / "real").write_bytes(b"x")
    if not (bridge.current / "alias").is_symlink():
        (bridge.current / "alias").symlink_to("real")
    assert bridge.request("GET", "/files/alias") == (200, b"x")


def test_a_body_beyond_the_limit_is_refused(bridge: Bridge) -> None:
    status, _ = bridge.request("PUT", "/files/huge", bytes(LARGEST_BODY + 1))
    assert status == 413
    assert not (bridge.current / "huge").exists()


def test_observe_says_what_paths_look_like(bridge: Bridge) -> None:
    (bridge.current / "seen").write_bytes(b"content")
    os.setxattr(bridge.current / "seen", "user.x", b"y")
    body = json.dumps({"paths": ["current/seen", ["current", ["listing"]], "current/missing", "../etc/passwd", ".."]})
    status, answer = bridge.request("POST", "/observe", body.encode())
    told = json.loads(answer)
    seen, folder, missing, outside, above = told["observations"]
    assert status == 200
    assert told["backend"] == bridge.settings["LIGHTHOUSE_FUSE_BACKEND"]
    assert seen["path"] == "current/seen"
    assert seen["attributes"]["st_size"] == 7
    assert seen["attributes"]["st_mtime_ns"] == (bridge.current / "seen").stat().st_mtime_ns
    assert seen["xattrs"] == {"user.x": "79"}
    assert len(seen["content"]["hash"]) == 32
    assert "seen" in folder["listing"]
    assert missing["error"] == "ENOENT"
    assert outside["error"] == above["error"] == "EXDEV"


@pytest.mark.parametrize("body", [b"", b"{}", b'{"paths": 1}', b'{"paths": [["a", ["smell"]]]}', b'{"paths": [1]}'])
def test_a_senseless_question_is_refused(bridge: Bridge, body: bytes) -> None:
    assert bridge.request("POST", "/observe", body)[0] == 400


def test_metrics_have_every_label_from_the_start_and_count_what_happens(bridge: Bridge) -> None:
    backend = bridge.settings["LIGHTHOUSE_FUSE_BACKEND"]
    for name, labels in (
        ("lighthouse_fuse_operations_total", {"operation": "rmdir", "status": "error"}),
        ("lighthouse_fuse_operation_duration_seconds_bucket", {"operation": "link", "le": "1.0"}),
    ):
        assert bridge.metric(name, backend=backend, **labels) == 0
    for le in ("0.001", "0.005", "0.01", "1.0", "+Inf"):
        assert bridge.metric(
            "lighthouse_fuse_operation_duration_seconds_bucket", backend=backend, operation="getattr", le=le
        )
    for name in ("comparisons", "divergence"):
        assert bridge.metric(f"lighthouse_fuse_backend_{name}_total", operation="read", primary=backend) == 0
    assert bridge.metric("lighthouse_fuse_backend_active", backend=backend) == 1
    assert bridge.metric("lighthouse_fuse_mount_responsive", backend=backend) == 1
    assert (bridge.metric("lighthouse_fuse_mount_memory_bytes", backend=backend) or 0) > 5_000_000
    assert bridge.metric("lighthouse_fuse_mount_cpu_seconds_total", backend=backend) is not None
    before = bridge.metric("lighthouse_fuse_operations_total", operation="mkdir", status="ok") or 0
    (bridge.current / "counted").mkdir()
    assert bridge.metric("lighthouse_fuse_operations_total", operation="mkdir", status="ok") == before + 1
    assert bridge.request("GET", "/metrics")[0] == 200
