"""The router against a real HAProxy with small servers behind it."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from deployment.errors import ChangeFailedError, UnreachableError
from deployment.model import Side
from deployment.router import MAP, Router
from deployment.targets import local_services
from deployment.targets.local_layout import Layout
from deployment.targets.processes import which
from deployment.whole_file import write_whole
from tests.deployment.helpers import Clients, a_place, request
from tests.deployment.tiny_server import serving
from tests.ports import free_ports
from tests.waiting import until

pytestmark = pytest.mark.haproxy

IDS = [f"agent-{number}" for number in range(1000)]


class Front:
    """An HAProxy that runs for a test."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.port = layout.place.router_port
        self.stable = f"127.0.0.1:{layout.ports(Side.STABLE, 1)[0]}"
        self.canary = f"127.0.0.1:{layout.ports(Side.CANARY, 1)[0]}"
        self.router = local_services.router(layout)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = which("haproxy")
        assert program is not None
        with (self.layout.haproxy / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [program, "-f", "haproxy.cfg"], cwd=self.layout.haproxy, stdout=log, stderr=log
            )
        until(self.router.answers)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def who(self, clients: list[str]) -> dict[str, str]:
        """Ask once for each client and return which server answered it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        answers = {}
        for client in clients:
            connection.request("GET", "/x", headers={"X-Client-Id": client})
            answers[client] = connection.getresponse().read().decode().split()[0]
        connection.close()
        return answers


@pytest.fixture
def front(short_tmp: Path) -> Iterator[Front]:
    layout = Layout.of(a_place(short_tmp))
    write_whole(layout.haproxy / MAP, "canary 0\n")
    local_services.write_routes(layout, {})
    front = Front(layout)
    front.start()
    yield front
    front.stop()


@contextmanager
def both(front: Front) -> Iterator[None]:
    """Two servers in this process, both routed."""
    stable, canary = (int(a.rpartition(":")[2]) for a in (front.stable, front.canary))
    with serving("stable", stable), serving("canary", canary):
        front.router.route(Side.STABLE, front.stable)
        front.router.route(Side.CANARY, front.canary)
        yield


@contextmanager
def a_process(name: str, address: str) -> Iterator[subprocess.Popen[bytes]]:
    """One server as a process, so that it can be killed."""
    port = address.rpartition(":")[2]
    process = subprocess.Popen([sys.executable, "-m", "tests.deployment.tiny_server", name, port])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_fresh_router_sends_nobody_anywhere(front: Front) -> None:
    assert front.router.weight() == 0
    assert front.router.actual() is None
    assert {side: server.routed for side, server in front.router.servers().items()} == {
        Side.STABLE: False,
        Side.CANARY: False,
    }
    assert request(front.port)[0] == 503


def test_the_split_is_by_client_and_moves_only_those_in_between(front: Front) -> None:
    with both(front):
        before: set[str] = set()
        for weight in (0, 10, 50, 90, 100):
            front.router.set_weight(weight)
            assert front.router.weight() == weight
            answers = front.who(IDS)
            on_canary = {client for client, name in answers.items() if name == "canary"}
            assert abs(100 * len(on_canary) / len(IDS) - weight) < 3.0
            assert before <= on_canary  # raising the weight takes nobody away from the canary
            assert front.router.actual() == pytest.approx(100 * len(on_canary) / len(IDS))
            before = on_canary
        assert len(before) == len(IDS)


def test_a_client_stays_where_it_is_and_returns_at_once(front: Front) -> None:
    with both(front):
        front.router.set_weight(50)
        first = front.who(IDS[:300])
        assert front.who(IDS[:300]) == first
        assert set(first.values()) == {"stable", "canary"}
        front.router.set_weight(0)
        assert set(front.who(IDS[:300]).values()) == {"stable"}
        front.router.set_weight(50)
        assert front.who(IDS[:300]) == first


def test_clients_without_an_id_are_told_apart_by_address(front: Front) -> None:
    with both(front):
        front.router.set_weight(50)
        answers = {request(front.port)[1] for _ in range(20)}
        assert len(answers) == 1
        front.router.set_weight(100)
        assert request(front.port)[1].startswith("canary")


@pytest.mark.parametrize("victim", list(Side))
def test_a_killed_server_fails_no_client(front: Front, victim: Side) -> None:
    addresses = {Side.STABLE: front.stable, Side.CANARY: front.canary}
    with a_process("stable", front.stable) as stable, a_process("canary", front.canary) as canary:
        for side, address in addresses.items():
            front.router.route(side, address)
        front.router.set_weight(50)
        with Clients(front.port) as clients:
            until(lambda: clients.done > 300)
            (stable if victim is Side.STABLE else canary).kill()
            seen = clients.done
            until(lambda: clients.done > seen + 300)
        assert clients.failed == []


def test_the_only_server_may_be_killed_if_it_comes_back(front: Front) -> None:
    with ExitStack() as stack:
        first = stack.enter_context(a_process("stable", front.stable))
        front.router.route(Side.STABLE, front.stable)
        with Clients(front.port) as clients:
            until(lambda: clients.done > 100)
            first.kill()
            first.wait()
            with pytest.raises(ConnectionRefusedError):  # it really is down
                request(int(front.stable.rpartition(":")[2]))
            stack.enter_context(a_process("stable", front.stable))
            seen = clients.done
            until(lambda: clients.done > seen + 100)
        assert clients.failed == []


def test_a_canary_without_a_share_serves_nobody_even_if_stable_is_gone(front: Front) -> None:
    with a_process("stable", front.stable) as stable, a_process("canary", front.canary):
        front.router.route(Side.STABLE, front.stable)
        front.router.route(Side.CANARY, front.canary)
        stable.kill()
        stable.wait()
        status, _ = request(front.port)
        assert status == 503
        front.router.set_weight(10)  # now it has one, and steps in for everybody
        assert set(front.who(IDS[:50]).values()) == {"canary"}


def test_what_may_be_repeated_is_repeated_and_nothing_else(front: Front) -> None:
    with both(front):
        for method in ("GET", "PUT", "DELETE", "POST"):
            request(front.port, method, "/drop", b"content" if method in ("PUT", "POST") else None)
        counts = asked_of_both(front)
        assert counts["PUT"] > 1 and counts["GET"] > 1
        assert counts["DELETE"] == 1 and counts["POST"] == 1


def test_what_may_still_be_done_is_never_asked_for_again(front: Front) -> None:
    with both(front):
        for method in ("GET", "PUT", "DELETE", "POST"):
            assert request(front.port, method, "/late", b"content")[0] == 504
        assert asked_of_both(front) == {"GET": 1, "PUT": 1, "DELETE": 1, "POST": 1}


def asked_of_both(front: Front) -> Counter[str]:
    """Return how often each method was asked for, of whoever serves."""
    counts: Counter[str] = Counter()
    for address in (front.stable, front.canary):
        counts.update(json.loads(request(int(address.rpartition(":")[2]), path="/counts")[1]))
        counts["GET"] -= 1  # this question
    return counts


def test_a_route_moves_between_two_servers_without_a_failure(front: Front) -> None:
    other = free_ports(1)[0]
    with serving("old", int(front.stable.rpartition(":")[2])), serving("new", other):
        front.router.route(Side.STABLE, front.stable)
        with Clients(front.port) as clients:
            until(lambda: clients.done > 200)
            front.router.route(Side.STABLE, f"127.0.0.1:{other}")
            assert request(front.port, client="somebody")[1].startswith("new")
            assert front.router.servers()[Side.STABLE].address == f"127.0.0.1:{other}"
            seen = clients.done
            until(lambda: clients.done > seen + 200)
        assert clients.failed == []


def test_a_route_to_nobody_is_refused_and_taken_back(front: Front) -> None:
    with pytest.raises(ChangeFailedError, match="does not find canary healthy"):
        front.router.route(Side.CANARY, front.canary, wait=1.0)
    assert not front.router.servers()[Side.CANARY].routed


def test_an_unhealthy_server_is_not_routed(front: Front) -> None:
    with serving("stable", int(front.stable.rpartition(":")[2])) as server:
        server.healthy = False
        with pytest.raises(ChangeFailedError):
            front.router.route(Side.STABLE, front.stable, wait=1.0)


def test_what_is_set_survives_a_crash_of_the_router(front: Front) -> None:
    with both(front):
        front.router.set_weight(50)
        first = front.who(IDS[:100])
        local_services.write_routes(front.layout, {Side.STABLE: front.stable, Side.CANARY: front.canary})
        front.stop()
        with pytest.raises(UnreachableError):
            front.router.weight()
        front.start()
        assert front.router.weight() == 50
        assert front.who(IDS[:100]) == first
        assert front.router.actual() is not None  # it counts again from the crash on


def test_nonsense_is_refused(front: Front) -> None:
    with pytest.raises(ChangeFailedError, match="does not exist"):
        front.router.set_weight(101)
    assert front.router.weight() == 0
    assert "Unknown command" in front.router.command("dance")


def test_a_router_that_is_not_there_is_unreachable(short_tmp: Path) -> None:
    router = Router(short_tmp / "admin.sock")
    assert not router.answers()
    with pytest.raises(UnreachableError, match="does not answer"):
        router.weight()
