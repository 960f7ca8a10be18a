"""Notifications: tells people by apprise what was journaled, without ever standing in the way of a movement.

What is told is decided by the journal alone: an event of a kind named in `news_of` is news, whoever wrote it. Each
message is sent by a process of its own (`runbook.notify_send`), which ends itself after `SECONDS`; nothing waits for
it but the end of the command. The addresses are secrets: they go to that process through its stdin and nowhere else.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import unquote

ENVIRONMENT = "LIGHTHOUSE_MIGRATE_NOTIFY"
SECONDS = 10  # how long one message may take
SHORTEST_SECRET = 3  # characters: shorter parts of an address hide nothing


class News(StrEnum):
    """What people are told about."""

    ROLLBACK = "rollback"
    HOLD = "hold"
    GATE_PASSED = "gate-passed"
    GUARD_LOST = "guard-lost"
    WEEK_DONE = "week-done"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one message at one address."""

    news: News
    service: str  # "json", "mailto": the address without its secrets
    sent: bool
    why: str = ""


def addresses(settings: Sequence[str]) -> tuple[str, ...]:
    """Return the apprise addresses to tell: the environment's, separated by blanks, else the settings'."""
    given = os.environ.get(ENVIRONMENT, "").split()
    return tuple(given or settings)


def news_of(kind: str, data: Mapping[str, Any]) -> tuple[News, str] | None:
    """Return what a journaled event tells people, or None where it is no news.

    Args:
        kind: Of the event. Besides the engine's own: "held" {week, reason}, "gates-passed" {week}, "guard-lost"
            {reason}.
        data: Of the event.
    """
    week = data.get("week")
    reason = data.get("reason") or ""
    match kind:
        case "rolled-back":
            how = "automatically rolled back" if data.get("automatic") else "rolled back"
            return News.ROLLBACK, f"{how} from week {week} in {data.get('seconds', 0):.2f} s: {reason or 'as asked'}"
        case "held":
            return News.HOLD, f"week {week} holds: {reason}"
        case "gates-passed":
            return News.GATE_PASSED, f"the gates of week {week} pass"
        case "guard-lost":
            return News.GUARD_LOST, f"nobody watches the triggers: {reason}"
        case "entered" if week:
            return News.WEEK_DONE, f"week {week} {data.get('name', '')} {data.get('stage_name', '')} is entered".strip()
        case "finished":
            return News.WEEK_DONE, f"week {week} is done, and with it the migration"
    return None


class Notifier:
    """Sends the news of one deployment."""

    def __init__(self, urls: Sequence[str], name: str, say: Callable[[str], None]) -> None:
        """Tell the apprise addresses `urls` about the deployment `name`; `say` hears of what could not be sent."""
        self._urls, self._name, self._say = tuple(urls), name, say
        self._under_way: list[_Message] = []

    def event(self, kind: str, data: Mapping[str, Any]) -> None:
        """Tell about an event of the journal, where it is news; returns at once and never raises."""
        if self._urls and (news := news_of(kind, data)) is not None:
            self.tell(*news)

    def tell(self, news: News, text: str) -> None:
        """Send one message; returns at once and never raises."""
        self.settle(0.0)  # whoever watches for weeks ends no command in between
        for url in self._urls:
            self._send(news, text, url)

    def _send(self, news: News, text: str, url: str) -> None:
        """Start the process that sends one message to one address: one that hangs does not hold up the others."""
        message = {"url": url, "title": f"{self._name}: {news}", "body": text, "seconds": SECONDS}
        try:
            process = subprocess.Popen(
                [sys.executable, "-m", "runbook.notify_send"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,  # an interrupted command still tells why it ended
            )
            assert process.stdin is not None
            process.stdin.write(json.dumps(message))
            process.stdin.close()
        except OSError as error:
            self._say(f"! not told ({news}) by {service(url)}: {redacted(str(error), [url])}")
            return
        self._under_way.append(_Message(news, url, process, time.monotonic() + SECONDS + 2))

    def settle(self, seconds: float = SECONDS + 3.0) -> list[Sent]:
        """Wait so long for what is under way, say what failed, and return what became of each message."""
        until = time.monotonic() + seconds
        found, left = [], []
        for message in self._under_way:
            try:
                message.process.wait(max(0.0, min(until, message.latest) - time.monotonic()))
            except subprocess.TimeoutExpired:
                if time.monotonic() < message.latest:
                    left.append(message)
                    continue
                message.process.kill()
                message.process.wait()
            found.append(_outcome(message))
        self._under_way = left
        for sent in found:
            if not sent.sent:
                self._say(f"! not told ({sent.news}) by {sent.service}: {sent.why}")
        return found


@dataclass(frozen=True, slots=True)
class _Message:
    """One message under way to one address."""

    news: News
    url: str
    process: subprocess.Popen[str]
    latest: float  # monotonic time at which it must have ended by itself


def _outcome(message: _Message) -> Sent:
    assert message.process.stdout is not None
    with message.process.stdout as stdout:
        text = stdout.read()
    name = service(message.url)
    if message.process.returncode == -signal.SIGALRM or message.process.returncode == -signal.SIGKILL:
        return Sent(message.news, name, False, f"no answer within {SECONDS} s")
    if message.process.returncode != 0:
        return Sent(message.news, name, False, f"its process ended with {message.process.returncode}")
    answer = json.loads(text)
    return Sent(message.news, name, answer["sent"], redacted(answer["why"], [message.url]))


def service(url: str) -> str:
    """Return what an address may be called by: its scheme."""
    scheme, found, _ = url.partition("://")
    return scheme if found and scheme.isalnum() else "an address without a scheme"


def redacted(text: str, urls: Sequence[str]) -> str:
    """Return a text without anything that stands in an address but its scheme."""
    secrets = set()
    for url in urls:
        rest = url.partition("://")[2] or url
        parts = [rest, *re.split(r"[/?&=@:#,+ ]+", rest)]
        secrets |= {s for part in parts for s in (part, unquote(part)) if len(s) >= SHORTEST_SECRET}
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text
