"""Agents: the file that names them, the roster that follows it, and whom the API's threads work for."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from bridge.agents import Agents, AgentsError, add, hashed, main, read
from bridge.roster import Callers, Roster
from bridge.sections.section import Caller
from bridge.workers import Desk, Workers


def test_an_added_agent_is_known_by_its_token_and_the_file_does_not_have_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "agents.json"
    assert main([str(file), "expert", "--write", "shadows,streams", "--uid", "1001"]) == 0
    token = capsys.readouterr().out.strip()
    assert token not in file.read_text()
    assert hashed(token) in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    agent = read(file).by_token(token)
    assert agent is not None
    assert (agent.name, agent.write, agent.admin) == ("expert", frozenset({"shadows", "streams"}), False)
    assert token not in repr(agent)
    assert hashed(token) not in repr(agent)
    assert read(file).by_token("another") is None
    assert read(file).by_uid(1001) == agent


def test_a_further_token_leaves_the_first_good(tmp_path: Path) -> None:
    file = tmp_path / "agents.json"
    tokens = [add(file, "writer", ["current"], [], admin=False) for _ in range(2)]
    agents = read(file)
    assert all(agents.by_token(token) for token in tokens)


def test_without_a_file_everybody_may_do_everything(tmp_path: Path) -> None:
    agents = read(tmp_path / "none.json")
    assert agents.open
    assert agents.by_uid(1234).may_write("current")
    assert not agents.is_peer("")


def test_with_a_file_strangers_only_read_unless_it_says_what_they_may() -> None:
    assert not Agents('{"agents": {}}').by_uid(1234).may_write("streams")
    agents = Agents('{"agents": {"*": {"write": ["streams"]}}}')
    assert agents.by_uid(1234).may_write("streams")
    assert not agents.by_uid(1234).may_write("current")
    assert agents.by_uid(0).may_write("current")


def test_two_bridges_with_one_file_know_each_other() -> None:
    one, same, other = (Agents(f'{{"agents": {{"{name}": {{}}}}}}') for name in ("a", "a", "b"))
    assert same.is_peer(one.peer)
    assert not other.is_peer(one.peer)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("[]", '{"agents"'),
        ('{"agents": {"a": {"rights": []}}}', "a: what may be said"),
        ('{"agents": {"a": {"write": ["history"]}}}', "a: write"),
        ('{"agents": {"a": {"write": "current"}}}', "a: write"),
        ('{"agents": {"a": {"uids": ["root"]}}}', "a: uids"),
        ('{"agents": {"a": {"tokens": ["secret"]}}}', "a: tokens"),
        ('{"agents": {"a\\n": {}}}', "no name"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_and_says_where(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "agents.json"
    file.write_text(text)
    with pytest.raises(AgentsError, match=said):
        read(file)
    with pytest.raises(AgentsError):
        Roster(file)


def test_the_roster_follows_the_file_and_never_opens_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "agents.json"
    first = add(file, "a", [], [], admin=False)
    now = 0.0
    roster = Roster(file, lambda: now)
    second = add(file, "b", [], [], admin=False)
    assert roster.agents.by_token(second) is None
    now = 1.5
    assert roster.agents.by_token(second) is not None
    file.write_text("{")
    now = 3.0
    assert roster.agents.by_token(first) is not None
    file.unlink()
    now = 4.5
    assert not roster.agents.open
    assert "stay as they were" in caplog.text


def test_a_thread_of_the_api_works_for_whom_it_says_and_then_for_nobody(tmp_path: Path) -> None:
    desk, workers = Desk(tmp_path), Workers(tmp_path)
    seen: dict[str, tuple[str, str]] = {}

    def work(name: str) -> None:
        with desk.working_for(name):
            during = workers.works_for(threading.get_native_id())
        seen[name] = (during, workers.works_for(threading.get_native_id()))

    threads = [threading.Thread(target=work, args=(name,)) for name in ("ü" * 24, "expert")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {"ü" * 24: ("ü" * 24, ""), "expert": ("expert", "")}
    assert Workers(tmp_path / "nowhere").works_for(1) == ""


def test_only_the_bridges_own_user_can_be_a_worker(tmp_path: Path) -> None:
    file = tmp_path / "agents.json"
    file.write_text(json.dumps({"agents": {"expert": {"write": ["shadows"]}}}))
    desk = Desk(tmp_path)
    callers = Callers(Roster(file), Workers(tmp_path))
    with desk.working_for("expert"):
        thread = threading.get_native_id()
        assert callers(Caller(os.getuid(), 0, thread)).name == "expert"
        assert callers(Caller(os.getuid() + 1, 0, thread)).name == f"uid:{os.getuid() + 1}"
    assert callers(Caller(os.getuid(), 0, thread)).name == f"uid:{os.getuid()}"
