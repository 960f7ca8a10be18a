"""Sends one message by apprise: a process that may hang or die without anybody waiting for it.

It reads {url, title, body, seconds} as JSON from stdin and prints {sent, why}.
"""

from __future__ import annotations

import json
import logging
import signal
import sys
from typing import Any

from runbook.notify import redacted


class _Warnings(logging.Handler):
    """Keeps what apprise says about why it failed."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


def main() -> None:
    """Send the message on stdin."""
    message = json.load(sys.stdin)
    signal.alarm(message["seconds"])  # whatever hangs, this process ends
    print(json.dumps(send(message["url"], message["title"], message["body"])))  # noqa: T201


def send(url: str, title: str, body: str) -> dict[str, Any]:
    """Send one message to one address and return what became of it."""
    import apprise

    warnings = _Warnings()
    logger = logging.getLogger("apprise")
    logger.addHandler(warnings)
    try:
        address = apprise.Apprise.instantiate(url)
        sent = address is not None and bool(address.notify(title=title, body=body))
    finally:
        logger.removeHandler(warnings)
    why = "" if sent else "; ".join(warnings.said) or "apprise does not know such an address"
    return {"sent": sent, "why": redacted(why, [url])}


if __name__ == "__main__":
    main()
