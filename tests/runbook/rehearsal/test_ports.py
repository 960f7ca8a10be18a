"""Ports for those who listen on them later: nobody else gets them meanwhile."""

from __future__ import annotations

import socket
import subprocess
import sys

from runbook.rehearsal.ports import claim, free_ports, is_free
from tests import ports as of_tests

CLAIM = "import sys; from runbook.rehearsal.ports import claim; print(claim(sys.argv[1]))"


def elsewhere(name: str) -> str:
    """Return what another process is told that wants a name."""
    return subprocess.run([sys.executable, "-c", CLAIM, name], capture_output=True, text=True, check=True).stdout


def test_who_is_given_ports_has_them_for_as_long_as_it_lives() -> None:
    first = free_ports(10)
    assert all(is_free(first + n) for n in range(10))
    assert free_ports(10) != first
    assert not claim(f"ports-{first}")
    assert elsewhere(f"ports-{first}") == "False\n"
    unused = f"ports-of-{first}"
    assert elsewhere(unused) == "True\n"
    assert claim(unused)  # the other process has ended


def test_a_port_that_somebody_listens_on_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", of_tests.free_ports(1)[0])) as listening:
        port = listening.getsockname()[1]
        assert not is_free(port)
    assert is_free(port)
