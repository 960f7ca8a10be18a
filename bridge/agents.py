"""Agents: who may do what, by token over HTTP and by uid on the mount, as one file says.

The file is JSON: {"agents": {NAME: {"tokens": [SHA-256 in hexadecimal, …], "uids": [1001, …], "write": [SECTION, …],
"admin": true}}}. Everything may be left out. A token is 32 random bytes, so its plain hash cannot be guessed back.
`write` names the sections the agent may change; it may read all of them. An agent called "*" stands for uids that
nobody else has. Without a file everybody may do everything: that is for a Bridge that only its own machine reaches.
`python -m bridge.agents FILE NAME --write shadows,streams` adds an agent and prints its token, this once.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from hmac import new as hmac
from pathlib import Path
from typing import Any

CHANGEABLE = frozenset({"current", "context", "shadows", "streams"})  # sections that anybody can change at all
OTHERS = "*"
FIELDS = frozenset({"tokens", "uids", "write", "admin"})


class AgentsError(ValueError):
    """The file of the agents makes no sense; the message says where."""


@dataclass(frozen=True, slots=True)
class Agent:
    """Who works: a name that events bear, and what it may do."""

    name: str
    write: frozenset[str] = frozenset()  # sections
    admin: bool = False  # may use the endpoints that change the Bridge itself
    uids: frozenset[int] = frozenset()
    tokens: tuple[str, ...] = field(default=(), repr=False)

    def may_write(self, section: str) -> bool:
        """Whether the agent may change a section."""
        return section in self.write


def unlimited(name: str) -> Agent:
    """Return an agent that may do everything."""
    return Agent(name, CHANGEABLE, admin=True)


def hashed(token: str) -> str:
    """Return what is kept of a token."""
    return sha256(token.encode()).hexdigest()


class Agents:
    """All agents of one file; `None` is no file: everybody may do everything.

    Raises:
        AgentsError: It makes no sense.
    """

    def __init__(self, text: str | None) -> None:
        self.open = text is None
        self._by_name: dict[str, Agent] = {}
        # Only the Bridges that read the same file know this: by it one asks the other to be compared.
        self.peer = "" if text is None else hmac(text.encode(), b"lighthouse peer", sha256).hexdigest()
        for name, said in _members(text).items():
            self._by_name[name] = _agent(name, said)
        self._by_uid = {uid: agent for agent in self._by_name.values() for uid in agent.uids}

    def by_token(self, token: str) -> Agent | None:
        """Return the agent of a token; how long it takes tells nothing of the tokens there are."""
        given, found = hashed(token), None
        for agent in self._by_name.values():
            for kept in agent.tokens:
                if compare_digest(given, kept):
                    found = agent
        return found

    def is_peer(self, token: str) -> bool:
        """Whether a token is that of another Bridge with the same file."""
        return bool(self.peer) and compare_digest(hashed(token), hashed(self.peer))

    def by_uid(self, uid: int) -> Agent:
        """Return the agent of a uid; the superuser and the Bridge's own user are never limited."""
        if uid in self._by_uid:
            return self._by_uid[uid]
        if self.open or uid in (0, os.getuid()):
            return unlimited(f"uid:{uid}")
        others = self._by_name.get(OTHERS)
        return Agent(f"uid:{uid}", others.write if others else frozenset())

    def by_name(self, name: str) -> Agent:
        """Return the agent of a name that the Bridge itself vouches for."""
        return self._by_name.get(name) or (unlimited(name) if self.open else Agent(name))


def read(path: Path) -> Agents:
    """Read the file of the agents; a missing one means that there is none.

    Raises:
        AgentsError: It cannot be read, or makes no sense.
    """
    try:
        return Agents(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Agents(None)
    except AgentsError as error:
        raise AgentsError(f"{path}: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise AgentsError(f"{path} cannot be read: {error}") from error


def _members(text: str | None) -> Mapping[str, Any]:
    if text is None:
        return {}
    try:
        said = json.loads(text)
    except ValueError as error:
        raise AgentsError(f"not JSON: {error}") from error
    members = said.get("agents") if isinstance(said, dict) else None
    if not isinstance(members, dict):
        raise AgentsError('not {"agents": {NAME: {…}}}')
    return members


def _agent(name: str, said: Any) -> Agent:
    if not name or not name.isprintable() or len(name.encode()) > 48:
        raise AgentsError(f"{name!r} is no name: 1 to 48 printable bytes")
    if not isinstance(said, dict) or set(said) - FIELDS:
        raise AgentsError(f"{name}: what may be said is {', '.join(sorted(FIELDS))}")
    write, tokens, uids = (said.get(key, []) for key in ("write", "tokens", "uids"))
    if not isinstance(write, list) or set(map(str, write)) - CHANGEABLE:
        raise AgentsError(f"{name}: write is a list of some of {', '.join(sorted(CHANGEABLE))}")
    if not isinstance(uids, list) or not all(isinstance(uid, int) and uid >= 0 for uid in uids):
        raise AgentsError(f"{name}: uids is a list of numbers")
    hexadecimal = set("0123456789abcdef")
    if not isinstance(tokens, list) or not all(len(str(kept)) == 64 and set(kept) <= hexadecimal for kept in tokens):
        raise AgentsError(f"{name}: tokens is a list of SHA-256 hashes, not of tokens")
    return Agent(name, frozenset(write), said.get("admin") is True, frozenset(uids), tuple(tokens))


def add(path: Path, name: str, write: list[str], uids: list[int], admin: bool) -> str:
    """Add an agent to the file, or give it a further token and these rights; return the token, kept nowhere.

    Raises:
        AgentsError: The file or what is to be added makes no sense; the file stays as it was.
    """
    import secrets  # here: the processes that serve mounts read agents and never make one, and memory is scarce there

    text = path.read_text(encoding="utf-8") if path.exists() else '{"agents": {}}'
    members = dict(_members(text))
    token = secrets.token_urlsafe(32)
    before = [*members[name].get("tokens", [])] if name in members else []
    members[name] = {"tokens": [*before, hashed(token)], "uids": uids, "write": write, "admin": admin}
    fresh = json.dumps({"agents": members}, indent=2) + "\n"
    Agents(fresh)
    new = path.with_name(f"{path.name}.new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write(fresh)
    new.replace(path)
    return token


def main(arguments: list[str] | None = None) -> int:
    """Add an agent and print its token."""
    parser = argparse.ArgumentParser(prog="python -m bridge.agents")
    parser.add_argument("file", type=Path)
    parser.add_argument("name")
    parser.add_argument("--write", default="", help=f"sections to change, of {', '.join(sorted(CHANGEABLE))}")
    parser.add_argument("--uid", type=int, action="append", default=[], help="who this is on the mount; repeatable")
    parser.add_argument("--admin", action="store_true", help="may use the endpoints that change the Bridge itself")
    told = parser.parse_args(arguments)
    try:
        token = add(told.file, told.name, [s for s in told.write.split(",") if s], told.uid, told.admin)
    except (AgentsError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(f"{token}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
