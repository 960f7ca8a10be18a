"""The screens in a browser: nobody without the token, nobody from elsewhere, and a real screen for who is admitted."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from deployment.errors import UsageError
from runbook.rehearsal.ports import free_ports
from runbook.tui import serve

PROGRAM = [sys.executable, "-c", serve.PROGRAM]


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Serve an empty deployment and yield the address that was printed."""
    (tmp_path / "lighthouse-migrate.toml").write_text('name = "served"\n[target]\nlive = "live"\n')
    port = str(free_ports(1))
    process = subprocess.Popen(
        [*PROGRAM, "tui", "--serve", "--port", port], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        found = re.search(r"http://127\.0\.0\.1:\d+/\?token=\S+", process.stderr.readline())
        assert found is not None
        yield found[0]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)
        process.stderr.close()


def test_only_who_has_the_token_sees_the_screens(address: str) -> None:
    import asyncio

    base, _, token = address.partition("?token=")

    async def visit() -> None:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
            for path in ("", "ws", "static/js/textual.js", "?token=wrong"):
                async with browser.get(base + path) as answer:
                    assert answer.status == 403, path
            async with browser.get(address, headers={"Host": "elsewhere.example"}) as answer:
                assert answer.status == 403
            async with browser.get(address) as answer:  # admitted, and the token is gone from the address
                assert (answer.status, str(answer.url)) == (200, base)
                assert token not in await answer.text()
            async with browser.get(base + "ws", headers={"Origin": "http://elsewhere.example"}) as answer:
                assert answer.status == 403
            async with browser.ws_connect(base + "ws?width=100&height=30") as screen:
                painted = b""
                while b"Weeks" not in painted:
                    painted += await screen.receive_bytes(timeout=30)
                await screen.send_json(["stdin", "a"])  # read-only unless told
                while b"read-only" not in painted:
                    painted += await screen.receive_bytes(timeout=30)

    asyncio.run(visit())


def test_the_page_asks_nobody_else_for_anything(address: str) -> None:
    import asyncio

    base = address.partition("?token=")[0]

    async def visit() -> None:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
            async with browser.get(address) as answer:
                page, policy = await answer.text(), answer.headers["Content-Security-Policy"]
            asked = set(re.findall(r"""(?:href|src)="([^"]+)"|url\("([^"]+)"\)""", page))
            named = sorted(first or second for first, second in asked)
            assert [name for name in named if name not in ("/", "data:,") and not name.startswith(base)] == []
            files = [name for name in named if name.startswith(base)]
            assert {name.rpartition(".")[2] for name in files} == {"css", "js", "ttf"}
            for name in files:
                async with browser.get(name) as answer:
                    assert (answer.status, answer.headers["Content-Security-Policy"]) == (200, policy), name
            hosts = set(re.findall(r"""\b(?:https?|wss?)://([^/\s;"']+)""", page + policy))
            assert hosts == {base.split("/")[2]}
            assert "default-src 'self'" in policy

    asyncio.run(visit())


def test_read_only_is_what_is_served_unless_told(tmp_path: Path) -> None:
    assert serve.command(tmp_path / "a b.toml", read_only=True).endswith("tui --read-only")
    assert serve.command(tmp_path / "a b.toml", read_only=False).endswith("a b.toml' tui")


def test_a_taken_port_is_said(tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind((serve.HOST, 0))
        taken.listen()
        with pytest.raises(UsageError, match="cannot be served on"):
            serve.serve(tmp_path / "x.toml", taken.getsockname()[1], read_only=True)
