"""The sections over HTTP, on each backend, and what the API refuses."""

from __future__ import annotations

import http.client
import json
import os
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from tests.bridge.harness import Bridge
from tests.waiting import until

pytestmark = pytest.mark.fuse


@pytest.mark.parametrize(
    ("asked", "status", "content", "told"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-4", 206, b"6789", "bytes 6-9/10"),
        ("bytes=-99", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=5-99", 206, b"56789", "bytes 5-9/10"),
        ("bytes=0-1,4-5", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
        ("bytes=5-2", 200, b"0123456789", None),
    ],
)
def test_parts_of_a_file(bridge: Bridge, asked: str, status: int, content: bytes, told: str | None) -> None:
    bridge.request("PUT", "/files/ten", b"0123456789")
    answered, headers, body = bridge.ask("GET", "/files/ten", range=asked)
    assert (answered, body, headers.get("content-range")) == (status, content, told)
    assert headers["accept-ranges"] == "bytes"


def test_a_part_beyond_the_end_is_refused(bridge: Bridge) -> None:
    bridge.request("PUT", "/files/ten", b"0123456789")
    for asked in ("bytes=10-", "bytes=-0"):
        assert bridge.request("GET", "/files/ten", range=asked)[0] == 416


def test_a_large_file_is_sent_in_pieces_and_in_parts(bridge: Bridge) -> None:
    content = os.urandom(9_000_000)
    (bridge.current / "large").write_bytes(content)
    assert bridge.request("GET", "/files/large") == (200, content)
    assert bridge.request("GET", "/files/large", range="bytes=1000-7999999") == (206, content[1000:8_000_000])
    (bridge.current / "large").unlink()


def test_a_file_is_only_replaced_if_it_is_what_the_client_thinks(bridge: Bridge) -> None:
    bridge.request("DELETE", "/files/guarded")
    assert bridge.request("PUT", "/files/guarded", b"x", if_match="*")[0] == 412
    status, headers, _ = bridge.ask("PUT", "/files/guarded", b"one", if_none_match="*")
    assert status == 201
    assert bridge.request("PUT", "/files/guarded", b"x", if_none_match="*")[0] == 412
    first = headers["etag"]
    assert bridge.ask("GET", "/files/guarded")[1]["etag"] == first
    status, headers, _ = bridge.ask("PUT", "/files/guarded", b"two", if_match=f'"other", {first}')
    assert status == 204
    assert headers["etag"] != first
    assert bridge.request("PUT", "/files/guarded", b"three", if_match=first)[0] == 412
    assert bridge.request("GET", "/files/guarded") == (200, b"two")
    assert bridge.request("GET", "/files/guarded", if_none_match=headers["etag"]) == (304, b"")
    assert os.listxattr(bridge.current / "guarded") == []
    assert list((bridge.current / ".incoming").iterdir()) == []
    assert bridge.request("DELETE", "/files/guarded", if_match=first)[0] == 400


def test_of_many_who_replace_the_same_state_one_succeeds(bridge: Bridge) -> None:
    bridge.request("PUT", "/files/raced", b"0")
    etag = bridge.ask("GET", "/files/raced")[1]["etag"]
    statuses: list[int] = []

    def replace(number: int) -> None:
        statuses.append(bridge.request("PUT", "/files/raced", b"%d" % number, if_match=etag)[0])

    threads = [threading.Thread(target=replace, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [204] + [412] * 7


def test_the_past(bridge: Bridge) -> None:
    bridge.request("PUT", "/files/past/a", b"then")
    instant = json.loads(bridge.request("GET", "/history")[1])["instants"][-1]
    bridge.request("PUT", "/files/past/a", b"now")
    bridge.request("PUT", "/files/past/b", b"new")
    assert bridge.request("GET", f"/history/{instant}/files/past/a") == (200, b"then")
    assert json.loads(bridge.request("GET", f"/history/{instant}/list/past")[1]) == ["a"]
    assert "past" in json.loads(bridge.request("GET", f"/history/{instant}/list")[1])
    assert (bridge.mount / "history" / instant / "past/a").read_bytes() == b"then"
    assert bridge.request("GET", f"/history/{instant}/files/past/b")[0] == 404
    assert bridge.request("GET", "/history/2999-01-01T00:00:00Z/list")[0] == 404
    assert bridge.request("GET", "/history/yesterday/list")[0] == 400


def test_annotations(bridge: Bridge) -> None:
    bridge.request("PUT", "/files/code.py", b"one\ntwo\nthree\n")
    status, body = bridge.request("POST", "/shadows/code.py", b'{"lines": [2, 3], "text": "why?"}')
    note = json.loads(body)
    assert (status, note["state"], note["agent"], note["lines"]) == (201, "current", "http", [2, 3])
    bridge.request("PUT", "/files/code.py", b"zero\none\ntwo\nthree\n")
    [now] = json.loads(bridge.request("GET", "/shadows/code.py")[1])["annotations"]
    assert (now["id"], now["state"], now["at"]) == (note["id"], "moved", [3, 4])
    (bridge.current / "code.py").rename(bridge.current / "other.py")
    [now] = json.loads(bridge.request("GET", "/shadows/other.py")[1])["annotations"]
    assert now["id"] == note["id"]
    with (bridge.mount / "shadows/other.py").open("a") as shadow:
        shadow.write("1 by the mount\n")
    assert len((bridge.mount / "shadows/other.py").read_text().splitlines()) == 2
    assert bridge.request("DELETE", f"/shadows/other.py?id={note['id']}")[0] == 204
    assert bridge.request("DELETE", f"/shadows/other.py?id={note['id']}")[0] == 404
    for line in (b'{"lines": [1, 99], "text": "x"}', b'{"text": ""}', b"[]", b"", b'{"lines": "1", "text": "x"}'):
        assert bridge.request("POST", "/shadows/other.py", line)[0] == 400
    assert bridge.request("GET", "/shadows/missing")[0] == 404


def test_packages(bridge: Bridge) -> None:
    assert bridge.request("PUT", "/context/files/package/readme", b"hello")[0] == 201
    assert (bridge.mount / "context/package/readme").read_bytes() == b"hello"
    assert json.loads(bridge.request("GET", "/context/list")[1]) == ["package"]
    assert bridge.request("PUT", "/context/files/loose", b"x")[0] == 403
    assert bridge.request("DELETE", "/context/files/package/readme")[0] == 204


class Follower:
    """A client that follows a stream."""

    def __init__(self, bridge: Bridge, name: str, **headers: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", bridge.port, timeout=10)
        self.connection.request("GET", f"/streams/{name}", headers={"Accept": "text/event-stream", **headers})
        self.response = self.connection.getresponse()
        assert self.response.headers["content-type"].startswith("text/event-stream")

    def next(self) -> tuple[int, str]:
        """Return id and text of the next event."""
        number = -1
        while True:
            line = self.response.readline().decode()
            assert line
            if line.startswith("id: "):
                number = int(line[4:])
            if line.startswith("data: "):
                return number, line[6:].rstrip("\n")

    def close(self) -> None:
        self.connection.close()


def test_a_stream_is_followed_and_taken_up_again_where_it_was_left(bridge: Bridge) -> None:
    assert bridge.request("POST", "/streams/talk", b"before\n")[0] == 201
    follower = Follower(bridge, "talk")
    assert follower.response.readline() == b": following\n"
    assert bridge.request("POST", "/streams/talk", b"one\n")[0] == 204
    with (bridge.mount / "streams/talk").open("ab", buffering=0) as stream:
        stream.write(b"two\n")
    assert follower.next() == (11, "one")
    assert follower.next() == (15, "two")
    follower.close()
    bridge.request("POST", "/streams/talk", b"three\n")
    again = Follower(bridge, "talk", **{"Last-Event-ID": "11"})
    assert [again.next()[1], again.next()[1]] == ["two", "three"]
    again.close()
    assert bridge.request("GET", "/streams/talk") == (200, b"before\none\ntwo\nthree\n")
    assert bridge.request("GET", "/streams/talk", range="bytes=7-9") == (206, b"one")
    assert {"events", "talk"} <= set(json.loads(bridge.request("GET", "/streams")[1])["streams"])
    assert bridge.request("POST", "/streams/events", b"x")[0] == 403
    assert bridge.request("GET", "/streams/none")[0] == 404


def test_tail_f_shows_a_stream_as_it_grows(bridge: Bridge, tmp_path: Path) -> None:
    import subprocess

    stream = bridge.mount / "streams/tailed"
    stream.touch()
    seen = tmp_path / "seen"
    with seen.open("wb") as out:
        tail = subprocess.Popen(["tail", "-n", "+1", "-s", "0.05", "-f", str(stream)], stdout=out)
    try:
        for number in range(3):
            with stream.open("ab", buffering=0) as file:
                file.write(b"%d\n" % number)
            until(lambda number=number: seen.read_bytes().endswith(b"%d\n" % number))  # type: ignore[misc]
        assert seen.read_bytes() == b"0\n1\n2\n"
    finally:
        tail.kill()
        tail.wait()


def test_debug_says_who_serves_and_what_it_did(bridge: Bridge) -> None:
    assert (bridge.mount / "debug/backend").read_text().strip() == bridge.settings["LIGHTHOUSE_FUSE_BACKEND"]
    stats = json.loads((bridge.mount / "debug/stats").read_text())
    assert stats["pid"] == bridge.health()["mount_pid"]
    assert stats["operations"]["getattr"]["ok"] > 0
    assert stats["events"] >= 1
    assert (bridge.mount / "debug/errors").read_text().strip() == ""


def test_the_speed_layers_hit_rate_is_exported(bridge: Bridge) -> None:
    backend = bridge.settings["LIGHTHOUSE_FUSE_BACKEND"]
    bridge.request("PUT", "/files/hot", b"content")
    for _ in range(4):
        assert bridge.request("GET", "/files/hot")[1] == b"content"
    hits = bridge.metric("lighthouse_cache_lookups_total", backend=backend, result="hit")
    misses = bridge.metric("lighthouse_cache_lookups_total", backend=backend, result="miss")
    assert hits is not None
    assert misses is not None
    assert hits >= 3
    assert bridge.metric("lighthouse_cache_hit_ratio", backend=backend) == pytest.approx(hits / (hits + misses))


@pytest.mark.parametrize(
    "prefix", ["/files", "/context/files", "/list", "/shadows", "/history/2026-01-01T00:00:00Z/files"]
)
@pytest.mark.parametrize(
    "path",
    ["../x", "a/../../x", "%2e%2e/x", "..%2f..%2fetc%2fpasswd", "a%00b", "%2fetc%2fpasswd", ".", "a/./b", "a//b"],
)
def test_no_path_leads_out(bridge: Bridge, prefix: str, path: str) -> None:
    assert bridge.request("GET", f"{prefix}/{path}")[0] == 400


def test_no_stream_leads_out(bridge: Bridge) -> None:
    for name in ("..", "%2e%2e", "a%00b"):
        assert bridge.request("GET", f"/streams/{name}")[0] == 400
        assert bridge.request("POST", f"/streams/{name}", b"x")[0] == 400
    for name in ("..%2fcurrent%2fx", "%2fetc%2fpasswd"):
        assert bridge.request("GET", f"/streams/{name}")[0] == 404


def test_no_link_leads_out(bridge: Bridge) -> None:
    (bridge.mount / "context/away").mkdir(exist_ok=True)
    for name, target in (("etc", "/etc"), ("up", "../../current"), ("debug", "../../debug")):
        if not (bridge.mount / "context/away" / name).is_symlink():
            (bridge.mount / "context/away" / name).symlink_to(target)
    for path in ("etc/passwd", "up/code.py", "debug/stats"):
        assert bridge.request("GET", f"/context/files/away/{path}")[0] == 403
        assert bridge.request("PUT", f"/context/files/away/{path}", b"x")[0] == 403


def test_limits(bridge: Bridge) -> None:
    assert bridge.request("POST", "/streams/big", bytes(1024 * 1024 + 1))[0] == 413
    assert bridge.request("POST", "/shadows/x", bytes(64 * 1024 + 1))[0] == 413
    assert bridge.request("GET", "/files/" + "n" * 5000)[0] == 400
    with suppress(ConnectionError):  # the answer comes, and the connection is closed, while the rest is still sent
        assert bridge.request("GET", "/health", x_large="h" * 1_000_000)[0] == 400


def test_the_version_is_told(bridge: Bridge) -> None:
    status, body = bridge.request("GET", "/version")
    assert (status, json.loads(body)["api"]) == (200, 1)
