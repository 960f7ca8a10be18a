"""The router: HAProxy, driven through its runtime socket.

The share of clients on the canary is one number in a runtime map (see `haproxy.cfg`). The protocol is one command a
line; an empty answer is success and everything else is an error in words, so every change is read back.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from deployment import unix_socket
from deployment.errors import ChangeFailedError, UnreachableError
from deployment.model import Side
from deployment.waiting import until
from deployment.whole_file import write_whole

BACKEND = "bridge"
MAP = "weight.map"
MAINTENANCE = 0x01 | 0x02 | 0x20 | 0x40  # bits of srv_admin_state: forced, inherited, no address, no host name
SHARED_LOAD = 100  # a server's weight among the requests that are tried again; which side serves first is the map's


class Server(NamedTuple):
    """One side as the router sees it."""

    address: str  # host:port
    routed: bool  # False: in maintenance, nothing goes there
    up: bool  # its health check says it may serve


class Router:
    """HAProxy's runtime socket, in the words of the migration."""

    def __init__(self, socket_path: Path, timeout: float = 1.0) -> None:
        """Speak to the HAProxy whose runtime socket is at `socket_path`; nothing is sent yet.

        The map file and the counters the share is measured from lie beside the socket.
        """
        self._socket = socket_path
        self._map = socket_path.parent / MAP
        self._since = socket_path.parent / "weight-since.json"
        self._timeout = timeout

    def answers(self) -> bool:
        """Return whether the router runs."""
        try:
            return bool(self.command("show info"))
        except UnreachableError:
            return False

    def weight(self) -> int | None:
        """Return the percentage of clients on the canary that is in force, or None if the router does not say.

        Raises:
            UnreachableError: The router does not answer.
        """
        for line in self.command(f"show map {MAP}").splitlines():
            words = line.split()
            if len(words) == 3 and words[1] == Side.CANARY:
                return int(words[2])
        return None

    def set_weight(self, percent: int) -> None:
        """Put a percentage of clients on the canary; it is in force for the next request.

        Raises:
            ChangeFailedError: The router did not take it.
            UnreachableError: The router does not answer.
        """
        if not 0 <= percent <= 100:
            raise ChangeFailedError(f"a weight of {percent}% does not exist", "choose 0 to 100")
        load = SHARED_LOAD if percent else 0
        if percent:  # the canary must be eligible before the first client comes, and until the last one has left
            self._do(f"set weight {BACKEND}/{Side.CANARY} {load}")
        self._do(f"set map {MAP} {Side.CANARY} {percent}")
        self._do(f"set weight {BACKEND}/{Side.CANARY} {load}")
        seen = self.weight()
        if seen != percent:
            raise ChangeFailedError(f"the router kept a weight of {seen}% instead of {percent}%", "try again")
        write_whole(self._map, f"{Side.CANARY} {percent}\n")  # for an HAProxy that is started again
        self.restart_count(percent)

    def restart_count(self, weight: int) -> None:
        """Measure the actual share from now on."""
        write_whole(self._since, json.dumps({"weight": weight, "at": time.time(), "served": self._served()}))

    def actual(self) -> float | None:
        """Return the percentage of requests that the canary served since the weight was set; None if there were none.

        Raises:
            UnreachableError: The router does not answer.
        """
        try:
            before: Mapping[str, int] = json.loads(self._since.read_text("utf-8"))["served"]
        except (FileNotFoundError, ValueError, KeyError):
            before = {}
        now = self._served()
        if any(now[side] < before.get(side, 0) for side in now):
            before = {}  # the router was started again and counts from 0
        since = {side: count - before.get(side, 0) for side, count in now.items()}
        total = sum(since.values())
        return 100.0 * since[Side.CANARY] / total if total else None

    def servers(self) -> dict[Side, Server]:
        """Return where each side's traffic goes.

        Raises:
            UnreachableError: The router does not answer.
        """
        found = {}
        for row in self._table(f"show servers state {BACKEND}", " "):
            side = row["srv_name"]
            if side in list(Side):
                routed = not int(row["srv_admin_state"]) & MAINTENANCE
                up = int(row["srv_op_state"]) == 2
                found[Side(side)] = Server(f"{row['srv_addr']}:{row['srv_port']}", routed, routed and up)
        return found

    def route(self, side: Side, address: str | None, wait: float = 5.0) -> None:
        """Send a side's traffic to an address ("127.0.0.1:8765"), or nowhere with None.

        The caller has asked the Bridge there whether it is healthy. Where the side had no traffic before, this waits
        until the router's own check says so too; where it had, the next request goes to the new address, and
        connections to the old one end with their requests.

        Raises:
            ChangeFailedError: The router did not take it, or does not find the Bridge healthy within `wait` seconds;
                then the side gets no traffic.
            UnreachableError: The router does not answer.
        """
        server = f"{BACKEND}/{side}"
        if address is None:
            self._do(f"set server {server} state maint")
            return
        host, _, port = address.rpartition(":")
        self._do(f"set server {server} addr {host} port {port}")
        self._do(f"set server {server} state ready")
        if not until(lambda: self._healthy(side), wait):
            self._do(f"set server {server} state maint")
            raise ChangeFailedError(
                f"the router does not find {side} healthy at {address}", f"see what http://{address}/health says"
            )

    def command(self, line: str) -> str:
        """Send one command and return the answer as it comes.

        Raises:
            UnreachableError: Nobody answers.
        """
        try:
            with unix_socket.connect(self._socket, self._timeout) as stream:
                stream.sendall(line.encode() + b"\n")
                pieces = []
                while piece := stream.recv(65536):
                    pieces.append(piece)
        except OSError as error:
            raise UnreachableError(
                f"the router does not answer: {error.strerror or error}", "`advance` starts it again"
            ) from error
        return b"".join(pieces).decode("utf-8", "replace")

    def _do(self, line: str) -> None:
        answer = self.command(line).strip()
        if answer and not answer.startswith(("IP changed", "no need to change")):
            raise ChangeFailedError(
                f"the router refuses `{line}`: {answer}", f"see {self._socket.parent}: haproxy.cfg and its log"
            )

    def _healthy(self, side: Side) -> bool:
        rows = [r for r in self._table("show stat", ",") if (r.get("pxname"), r.get("svname")) == (BACKEND, side)]
        return any(row["status"] == "UP" and row["check_status"] == "L7OK" for row in rows)

    def _served(self) -> dict[str, int]:
        """Return how many requests each side has answered since the router was started."""
        answers = ("hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other")
        counted: dict[str, int] = dict.fromkeys(Side, 0)
        for row in self._table("show stat", ","):
            if row.get("pxname") == BACKEND and row.get("svname") in counted:
                counted[row["svname"]] = sum(int(row[a] or 0) for a in answers)
        return counted

    def _table(self, command: str, separator: str) -> list[dict[str, str]]:
        names: list[str] = []
        rows = []
        for line in self.command(command).splitlines():
            if line.startswith("# "):
                names = line[2:].rstrip(separator).split(separator)
            elif names and line:
                rows.append(dict(zip(names, line.split(separator), strict=False)))
        return rows
