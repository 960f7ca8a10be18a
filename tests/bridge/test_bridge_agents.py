"""Agents at work on running Bridges: by token, by uid, sixteen at once, and every write attributed."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from bridge.agents import add, read
from tests.bridge.harness import BACKENDS, Bridge, cleaned
from tests.waiting import until

AGENTS = 16
MESSAGES = 12  # each agent writes

pytestmark = pytest.mark.fuse


@pytest.fixture(scope="module")
def tokens(short_root: Path) -> dict[str, str]:
    folder = short_root / "agents"
    folder.mkdir()
    file = folder / "agents.json"
    uids = {f"agent{number}": 3000 + number for number in range(AGENTS)}
    for name, uid in uids.items():
        add(file, name, ["streams", "shadows"], [uid], admin=False)
    return {
        "expert": add(file, "expert", ["shadows", "streams"], [], admin=False),
        "writer": add(file, "writer", ["current", "context"], [], admin=False),
        "operator": add(file, "operator", [], [], admin=True),
        "reader": add(file, "reader", [], [], admin=False),
    }


@pytest.fixture(scope="module")
def pair(short_root: Path, tokens: dict[str, str]) -> Iterator[tuple[Bridge, Bridge]]:
    folder = short_root / "agents"
    one, two = (Bridge(folder / backend, folder / "store.db", backend) for backend in BACKENDS)
    with cleaned(one, two):
        one.start()
        two.start()
        yield one, two


def events(bridge: Bridge) -> list[dict[str, object]]:
    return [json.loads(line) for line in (bridge.mount / "streams/events").read_bytes().splitlines()]


def test_what_an_agent_may_not_is_refused(pair: tuple[Bridge, Bridge], tokens: dict[str, str]) -> None:
    bearer = {name: f"Bearer {token}" for name, token in tokens.items()}
    for bridge in pair:
        assert bridge.request("PUT", "/files/code", b"one\n", authorization=bearer["writer"])[0] in (201, 204)
        for method, path, body, status in (
            ("GET", "/files/code", None, {"expert": 200, "writer": 200, "reader": 200}),
            ("PUT", "/files/code", b"two\n", {"expert": 403, "writer": 204, "reader": 403}),
            ("DELETE", "/files/none", None, {"expert": 403, "writer": 404, "reader": 403}),
            ("POST", "/shadows/code", b'{"text": "x"}', {"expert": 201, "writer": 403, "reader": 403}),
            ("POST", "/streams/talk", b"x\n", {"expert": 204, "writer": 403, "reader": 403}),
            ("PUT", "/context/files/p/x", b"x", {"expert": 403, "writer": 204, "reader": 403}),
            ("POST", "/reload", None, {"expert": 403, "writer": 403, "reader": 403, "operator": 202}),
            ("GET", "/history", None, {"expert": 200, "writer": 200, "reader": 200}),
        ):
            for name, expected in status.items():
                answered = bridge.request(method, path, body, authorization=bearer[name])[0]
                assert answered == expected or (answered, expected) == (201, 204), (method, path, name)


def test_without_a_good_token_nothing_is_told_but_how_the_bridge_is(pair: tuple[Bridge, Bridge]) -> None:
    bridge = pair[0]
    for authorization in ("", "Bearer", "Bearer wrong", "Basic eDp5", "Bearer " + "x" * 5000):
        for path in ("/files/code", "/list", "/history", "/streams", "/shadows/code", "/divergences", "/context/list"):
            status, headers, body = bridge.ask("GET", path, authorization=authorization)
            assert (status, headers["www-authenticate"]) == (401, "Bearer")
            assert set(json.loads(body)) == {"error", "detail"}
    for path in ("/health", "/ready", "/version", "/openapi.json", "/metrics"):
        assert bridge.request("GET", path)[0] == 200


def test_another_bridge_may_compare_and_nothing_else(pair: tuple[Bridge, Bridge], short_root: Path) -> None:
    peer = f"Bearer {read(short_root / 'agents/agents.json').peer}"
    body = b'{"paths": [["current", ["listing"]]]}'
    assert pair[0].request("POST", "/observe", body, authorization=peer)[0] == 200
    assert pair[0].request("GET", "/files/code", authorization=peer)[0] == 403
    assert pair[0].request("PUT", "/files/code", b"x", authorization=peer)[0] == 403


def test_every_write_over_http_bears_the_agents_name(pair: tuple[Bridge, Bridge], tokens: dict[str, str]) -> None:
    writer = f"Bearer {tokens['writer']}"
    for bridge in pair:
        bridge.request("PUT", "/files/mine/deep", b"x", authorization=writer)
        bridge.request("DELETE", "/files/mine/deep", authorization=writer)
        bridge.request("DELETE", "/files/mine", authorization=writer)
        told = [event for event in events(bridge) if str(event["path"]).startswith("mine")]
        assert {event["agent"] for event in told} == {"writer"}
        assert {event["kind"] for event in told} >= {"mkdir", "unlink", "rmdir"}
        assert "writer" in {
            e["agent"] for e in events(bridge) if e["kind"] == "write" and ".incoming" in str(e["path"])
        }


def test_no_token_is_ever_logged(pair: tuple[Bridge, Bridge], tokens: dict[str, str], short_root: Path) -> None:
    kept = (short_root / "agents/agents.json").read_text()
    for bridge in pair:
        for token in tokens.values():
            assert token not in bridge.log()
            assert token not in kept
            assert token not in json.dumps(bridge.health())


class AsUser:
    """A function that runs in a process of its own as an ordinary user; forked, since users may not run our Python."""

    def __init__(self, uid: int, work: Callable[..., Any], *arguments: object) -> None:
        context = multiprocessing.get_context("fork")
        self._answer, sending = context.Pipe(duplex=False)
        self._process = context.Process(target=self._run, args=(uid, sending, work, arguments))
        self._process.start()
        sending.close()

    @staticmethod
    def _run(uid: int, answer: Connection, work: Callable[..., Any], arguments: tuple[object, ...]) -> None:
        os.setgroups([])
        os.setresgid(3000, 3000, 3000)
        os.setresuid(uid, uid, uid)
        answer.send(work(*arguments))

    def result(self) -> Any:
        """Return what the function returned."""
        try:
            assert self._answer.poll(90), "no answer"
            return self._answer.recv()
        finally:
            self._process.kill()
            self._process.join()


def message(mount: Path, name: str) -> dict[str, Any]:
    """Write to the board, then wait until everybody's writing is seen, and return what is seen."""
    for number in range(MESSAGES):
        with (mount / "streams/board").open("ab", buffering=0) as board:
            board.write(f"{name} {number}\n".encode())

    def seen() -> list[tuple[int, str]]:
        lines = [json.loads(line) for line in (mount / "streams/events").read_bytes().splitlines()]
        found = [(e["seq"], e["agent"]) for e in lines if e["path"] == "board" and e["kind"] == "append"]
        return found if len(found) == AGENTS * MESSAGES else []

    return {"seen": until(seen, 80.0), "board": (mount / "streams/board").read_text().splitlines()}


def expert(mount: Path) -> str:
    """Annotate, and try to write."""
    with (mount / "shadows/open").open("a") as shadow:
        shadow.write("1 seen\n")
    try:
        with (mount / "current/open").open("a"):
            return "let in"
    except PermissionError:
        return "refused"


@pytest.mark.root
def test_sixteen_agents_share_the_mounts_and_see_each_others_events_in_order(pair: tuple[Bridge, Bridge]) -> None:
    board = pair[0].mount / "streams/board"
    board.touch()
    board.chmod(0o666)
    names = [f"agent{number}" for number in range(AGENTS)]
    workers = [AsUser(3000 + number, message, pair[number % 2].mount, name) for number, name in enumerate(names)]
    answers = [worker.result() for worker in workers]
    first = answers[0]
    assert len(first["seen"]) == AGENTS * MESSAGES
    assert first["seen"] == sorted(first["seen"])
    assert {agent for _, agent in first["seen"]} == set(names)
    assert all(answer["seen"] == first["seen"] and answer["board"] == first["board"] for answer in answers)
    # What the board says and who the events say wrote it, line by line; and everybody's own lines are in their order.
    assert [line.split()[0] for line in first["board"]] == [agent for _, agent in first["seen"]]
    for name in names:
        own = [line for line in first["board"] if line.split()[0] == name]
        assert own == [f"{name} {number}" for number in range(MESSAGES)]


@pytest.mark.root
def test_an_expert_on_the_mount_may_annotate_and_not_write(pair: tuple[Bridge, Bridge], tokens: dict[str, str]) -> None:
    writer = f"Bearer {tokens['writer']}"
    assert pair[0].request("PUT", "/files/open", b"one\n", authorization=writer) == (201, b"")
    (pair[0].current / "open").chmod(0o666)
    for number, bridge in enumerate(pair):
        assert AsUser(3000 + number, expert, bridge.mount).result() == "refused"
    notes = [json.loads(line) for line in (pair[0].mount / "shadows/open").read_text().splitlines()]
    assert [note["agent"] for note in notes] == ["agent0", "agent1"]
    assert (pair[1].current / "open").stat().st_size == 4


def total(bridge: Bridge, name: str) -> int:
    lines = bridge.request("GET", "/metrics")[1].decode().splitlines()
    return int(sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name}{{")))


def test_bridges_with_agents_compare_themselves_and_agree_in_every_section(pair: tuple[Bridge, Bridge]) -> None:
    primary, shadow = pair
    primary.reload(LIGHTHOUSE_FUSE_PARALLEL_TEST="true", LIGHTHOUSE_SHADOW_URL=f"http://127.0.0.1:{shadow.port}")
    compared = "lighthouse_fuse_backend_comparisons_total"
    rounds = 0

    def enough() -> bool:
        nonlocal rounds
        rounds += 1
        here = pair[rounds % 2].mount
        (here / "context/p").mkdir(exist_ok=True)
        (here / "context/p/x").write_text(f"{rounds}\n")
        (here / "current/noted").write_text(f"{rounds % 3}\nsame\n")
        for path in ("shadows/noted", "streams/rounds"):
            with (here / path).open("a") as file:
                file.write(f"2 round {rounds}\n")
        instant = sorted(path.name for path in (here / "history").iterdir())[-1]
        (primary.mount / "history" / instant / "noted").read_text()
        (primary.mount / "shadows/noted").read_text()
        (primary.mount / "debug/stats").read_text()
        return total(primary, compared) > 150

    until(enough, 60.0)
    told = primary.reload(LIGHTHOUSE_FUSE_PARALLEL_TEST="false")
    assert told["status"] == "ok"
    assert total(primary, "lighthouse_fuse_backend_divergence_total") == 0
    assert "cannot compare: it answered 401" not in primary.log()
