"""The threads beside the interface: one that looks, and one for each piece of engine work. They post messages.

Each opens an engine and a journal of its own. What only looks is a daemon, because what hangs must not hold the
program; what changes something is not, because it is finished or stopped at a safe point and never cut off.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from textual.message import Message

from deployment.errors import HeldError, OperatorError
from runbook.engine import Engine, Proposal
from runbook.tui.look import HOME, Past, Seen

if TYPE_CHECKING:
    from checks.runner import Result

Say = Callable[[str], None]
Post = Callable[[Message], object]
Look = Callable[..., Seen]
Failed = Callable[[OperatorError], None]

#: Seconds between two looks; they and measurements stretch where they cost more than this share of a core.
LOOK_SECONDS = 2.0
SHARE = 0.01
ATTENTIVE_SHARE = 0.05  # while somebody reads the charts
#: Kinds of work that move the deployment.
MOVES = ("advance", "rollback")
#: Kinds of work that are waited for before the program ends; the others only read, and may hang.
FINISHED = (*MOVES, "remedy")


class Open(Protocol):
    """Opens the deployment for one thread."""

    def __call__(self, say: Say, *, tolerant: bool = False) -> AbstractContextManager[Engine]: ...


class Looked(Message):
    """A look is there."""

    def __init__(self, seen: Seen) -> None:
        super().__init__()
        self.seen = seen


class Unanswered(Message):
    """A look failed."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__()
        self.message, self.hint = message, hint


class Said(Message):
    """Work narrates a line."""

    def __init__(self, line: str) -> None:
        super().__init__()
        self.line = line


class Found(Message):
    """A check came in."""

    def __init__(self, result: Result) -> None:
        super().__init__()
        self.result = result


class Then(Message):
    """Something to do in the interface's thread, with what work has read."""

    def __init__(self, do: Callable[[], None]) -> None:
        super().__init__()
        self.do = do


class Asked(Message):
    """Work shows a proposal and waits for an answer."""

    def __init__(self, work: Work, proposal: Proposal) -> None:
        super().__init__()
        self.work, self.proposal = work, proposal


class Ended(Message):
    """Work is done."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.work = work


class Watcher(threading.Thread):
    """Looks at the deployment again and again."""

    def __init__(self, opened: Open, look: Look, post: Post, *, measures: bool) -> None:
        super().__init__(name="watcher", daemon=True)
        self._opened, self._look, self._post, self._measures = opened, look, post, measures
        self._wake = threading.Event()
        self._ends = False
        self._now = True
        self.past: Past = HOME  # what somebody reads; set by the interface

    def look_now(self, *, measure: bool = False) -> None:
        """Look at once."""
        self._now = self._now or measure
        self._wake.set()

    def end(self) -> None:
        """Look no more; a look that hangs is left behind."""
        self._ends = True
        self._wake.set()

    def run(self) -> None:
        while not self._ends:
            try:
                with self._opened(lambda _line: None) as engine:
                    self._watch(engine)
            except OperatorError as error:
                self._tell(Unanswered(error.message, error.hint))
            except Exception as error:  # noqa: BLE001 - the boundary of the thread: the screen says it, and it looks again
                self._tell(Unanswered(f"this is a bug: {type(error).__name__}: {error}", "`lighthouse-migrate status`"))
            self._wake.wait(LOOK_SECONDS)
            self._wake.clear()

    def _watch(self, engine: Engine) -> None:
        rest, measured, first = 0.0, float("-inf"), True
        while not self._ends:
            began, spent = time.monotonic(), time.thread_time()
            past = self.past
            # the first picture comes without the past, because it may take longer
            due = not first and (self._now or began - measured >= max(past.every, rest))
            if due:
                self._now = False  # what is asked for from now on is for the next look
            self._tell(Looked(self._look(engine, measure=due and self._measures, past=past if due else None)))
            cost = time.thread_time() - spent
            if due:
                measured, rest = began, cost / (SHARE if past.every >= HOME.every else ATTENTIVE_SHARE)
            steady = LOOK_SECONDS if due else max(LOOK_SECONDS, cost / SHARE)
            until_due = measured + max(past.every, rest) - time.monotonic()
            wait = 0.0 if first else min(steady, max(0.1, until_due))
            first = False
            self._wake.wait(wait)
            self._wake.clear()

    def _tell(self, message: Message) -> None:
        if not self._ends:
            self._post(message)


class Work(threading.Thread):
    """One piece of engine work."""

    def __init__(
        self, kind: str, do: Callable[[Engine, Work], str], opened: Open, post: Post, failed: Failed | None = None
    ) -> None:
        super().__init__(name=kind, daemon=kind not in FINISHED)
        self.failed = failed  # told, in the interface's thread, why it failed
        self.kind, self.began = kind, time.monotonic()
        self.outcome = ""  # how it ended, in words
        self.error: OperatorError | None = None
        self.declined = False  # the person who was asked did not agree
        self.post = post
        self._do, self._opened = do, opened
        self._engine: Engine | None = None
        self._answers: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def run(self) -> None:
        try:
            with self._opened(self.say, tolerant=self.kind == "rollback") as engine:
                self._engine = engine
                self.outcome = self._do(engine, self)
        except OperatorError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001 - the boundary of the thread: a bug is said and leaves its traceback
            import traceback

            self.say("".join(traceback.format_exception(error)))
            self.error = OperatorError(
                f"this is a bug: {type(error).__name__}: {error}", "`lighthouse-migrate rollback` still works"
            )
        self.say(self.outcome or (f"error: {self.error.message}" if self.error else ""))
        if self.error is not None and self.error.hint:
            self.say(f"hint: {self.error.hint}")
        self.post(Ended(self))

    def say(self, line: str) -> None:
        """Narrate."""
        for part in line.splitlines():
            self.post(Said(part))

    def consent(self, proposal: Proposal) -> None:
        """Ask the person and return if they agree.

        Raises:
            HeldError: They do not.
        """
        self.post(Asked(self, proposal))
        if not self._answers.get():
            self.declined = True
            raise HeldError("not agreed to; nothing was changed", "`lighthouse-migrate plan` shows it again")

    def answer(self, agreed: bool) -> None:
        """Answer what `consent` asked, or will ask."""
        self._answers.put(agreed)

    def let_go(self) -> None:
        """Ask it to stop at its next safe point; a rollback does not."""
        if self._engine is not None:
            self._engine.lock.let_go()
        if self.kind != "rollback":
            self.answer(False)
