"""Notifications: told by a real service, never in the way, and silent about their addresses."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from socketserver import ThreadingMixIn
from threading import Event, Thread
from wsgiref.simple_server import WSGIServer, make_server

import pytest

from runbook import notify
from runbook.journal import BrokenJournal, Journal, JournalError
from runbook.notify import News, Notifier, addresses, news_of, redacted
from runbook.settings import SettingsError, parse
from tests.deployment.exporter import Quiet

SECRET = "hunter2secret"


class Threaded(ThreadingMixIn, WSGIServer):
    """One request that hangs does not hold up the others."""


class Service:
    """A web service that is told things, as apprise's json:// tells them."""

    def __init__(self) -> None:
        self.told: list[dict[str, str]] = []
        self.hang = Event()
        self.server = make_server("127.0.0.1", 0, self._answer, Threaded, Quiet)
        self._thread = Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"json://user:{SECRET}@127.0.0.1:{self.server.server_port}"

    def _answer(self, environ, start):
        if environ["PATH_INFO"] == "/hang":
            self.hang.wait(30)
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        code = "500 broken" if environ["PATH_INFO"] == "/broken" else "200 OK"
        self.told.append(json.loads(body))
        start(code, [("Content-Length", "0")])
        return [b""]

    def stop(self) -> None:
        self.hang.set()
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine takes its time to start a process."""
    monkeypatch.setattr(notify, "SECONDS", 60)


@pytest.fixture
def service() -> Iterator[Service]:
    found = Service()
    yield found
    found.stop()


def test_what_is_journaled_is_told(service: Service, tmp_path: Path) -> None:
    said: list[str] = []
    notifier = Notifier([service.url], "prod", said.append)
    journal = Journal(tmp_path / "journal.sqlite")
    journal.on_event = notifier.event
    journal.append(1.0, "change-done", change="router", seconds=0.1)
    journal.append(2.0, "rolled-back", week=5, seconds=0.7, reason="error ratio 5% > 1%", automatic=True)
    assert [(s.news, s.service, s.sent) for s in notifier.settle(60)] == [(News.ROLLBACK, "json", True)]
    journal.close()
    assert [(m["title"], m["message"]) for m in service.told] == [
        ("prod: rollback", "automatically rolled back from week 5 in 0.70 s: error ratio 5% > 1%")
    ]
    assert said == []


def test_a_rollback_that_cannot_be_journaled_is_told(service: Service, tmp_path: Path) -> None:
    notifier = Notifier([service.url], "prod", lambda line: None)
    journal = BrokenJournal(tmp_path / "journal.sqlite", JournalError("the disk is full"))
    journal.on_event = notifier.event
    with pytest.raises(JournalError):
        journal.append(2.0, "rolled-back", week=5, seconds=0.7, reason="", automatic=False)
    assert [s.sent for s in notifier.settle(60)] == [True]


def test_a_service_that_hangs_holds_nobody_up(service: Service) -> None:
    notifier = Notifier([f"{service.url}/hang", service.url], "prod", lambda line: None)
    began = time.monotonic()
    notifier.tell(News.ROLLBACK, "rolled back")
    assert time.monotonic() - began < 15  # it hangs for 30
    found = {s.sent: s for s in notifier.settle(60)}
    assert found.keys() == {True, False}
    assert found[False].why


def test_a_message_that_takes_too_long_is_given_up(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "SECONDS", 1)
    said: list[str] = []
    notifier = Notifier([f"{service.url}/hang"], "prod", said.append)
    notifier.tell(News.ROLLBACK, "rolled back")
    assert [s.sent for s in notifier.settle(60)] == [False]
    assert said == ["! not told (rollback) by json: no answer within 1 s"]


@pytest.mark.parametrize("address", ["{url}/broken", "json://user:" + SECRET + "@127.0.0.1:9", "nosuch://" + SECRET])
def test_a_failure_is_said_and_no_secret_is(service: Service, address: str) -> None:
    said: list[str] = []
    notifier = Notifier([address.format(url=service.url)], "prod", said.append)
    notifier.tell(News.HOLD, "week 5 holds")
    (found,) = notifier.settle(60)
    assert not found.sent and found.why
    assert SECRET not in repr(found) + "".join(said)
    assert said == [f"! not told (hold) by {found.service}: {found.why}"]


def test_what_is_in_an_address_is_redacted() -> None:
    url = "slack://TOKEN-A/to%20ken/#room?key=value-9"
    text = redacted(f"POST {url} with to ken, TOKEN-A and value-9 to room", [url])
    assert "slack://***" in text
    assert not any(secret in text for secret in ("TOKEN-A", "to ken", "to%20ken", "value-9"))


@pytest.mark.parametrize(
    ("kind", "data", "news"),
    [
        ("held", {"week": 5, "reason": "p95 5.6 ms > 5 ms"}, (News.HOLD, "week 5 holds: p95 5.6 ms > 5 ms")),
        ("gates-passed", {"week": 5}, (News.GATE_PASSED, "the gates of week 5 pass")),
        ("guard-lost", {"reason": "killed"}, (News.GUARD_LOST, "nobody watches the triggers: killed")),
        (
            "entered",
            {"week": 6, "name": "progressive", "stage_name": "50%"},
            (News.WEEK_DONE, "week 6 progressive 50% is entered"),
        ),
        ("entered", {"week": 0, "name": "readiness", "stage_name": "as it is"}, None),
        ("finished", {"week": 8}, (News.WEEK_DONE, "week 8 is done, and with it the migration")),
        ("checked", {"id": "backup"}, None),
    ],
)
def test_only_some_events_are_news(kind: str, data: dict[str, object], news: tuple[News, str] | None) -> None:
    assert news_of(kind, data) == news


def test_the_environment_names_the_addresses_before_the_settings_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(notify.ENVIRONMENT, raising=False)
    assert addresses(("json://a",)) == ("json://a",)
    monkeypatch.setenv(notify.ENVIRONMENT, "json://b mailto://c")
    assert addresses(("json://a",)) == ("json://b", "mailto://c")


def test_settings_keep_their_addresses_to_themselves(tmp_path: Path) -> None:
    settings = parse(tmp_path / "s.toml", f'[notify]\nurls = ["json://{SECRET}"]')
    assert settings.notify == (f"json://{SECRET}",)
    assert SECRET not in repr(settings)
    for wrong in (f'urls = "json://{SECRET}"', f'urls = ["{SECRET}"]', "urls = [1]"):
        with pytest.raises(SettingsError) as raised:
            parse(tmp_path / "s.toml", f"[notify]\n{wrong}")
        assert SECRET not in raised.value.message + raised.value.hint
