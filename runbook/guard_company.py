"""A guard beside a command: whoever advances or looks at the screens is not alone, also where no guard stands.

Where one stands already this one only waits, and steps in when that one leaves or dies.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from deployment.errors import LockedError, OperatorError
from runbook.engine import Engine
from runbook.guard import Guard
from runbook.guard_post import GuardPost

Say = Callable[[str], None]
AGAIN = 1.0  # seconds


class Open(Protocol):
    """Opens the deployment for one thread."""

    def __call__(self, say: Say, *, tolerant: bool = False) -> AbstractContextManager[Engine]: ...


class Company(threading.Thread):
    """Stands guard in a thread of its own, as long as nobody else does."""

    def __init__(self, opened: Open, command: str, say: Say) -> None:
        super().__init__(name="guard")
        self._opened, self._command, self._say = opened, command, say
        self._stop_asked = threading.Event()

    def run(self) -> None:
        while not self._stop_asked.is_set():
            try:
                with self._opened(self._say, tolerant=True) as engine:
                    self._stand(engine)
            except LockedError:
                pass  # somebody stands there
            except OperatorError as error:
                self._say(f"! nobody watches the triggers: {error.message}")
            except Exception as error:  # noqa: BLE001 - the boundary of the thread: said aloud, and it stands up again
                self._say(f"! the guard fell over and stands up again: {type(error).__name__}: {error}")
            self._stop_asked.wait(AGAIN)

    def _stand(self, engine: Engine) -> None:
        post = GuardPost(engine.settings.place.state)
        with post.taken(self._command) as lost:
            relieve(engine, lost, self._say)
            Guard(engine, self._say).run(self._stop_asked, post)

    def let_go(self) -> None:
        """Ask it to leave its post; a rollback that is under way is brought to its end first."""
        self._stop_asked.set()

    def leave(self) -> None:
        """Leave the post, and return when it is left."""
        self.let_go()
        self.join()


def relieve(engine: Engine, lost: str, say: Say) -> None:
    """Journal that the guard before died on its post, if it did."""
    if lost:
        say(f"! the guard before was lost: {lost}")
        engine.write("guard-lost", reason=lost)


@contextmanager
def guarded(opened: Open, command: str, say: Say) -> Iterator[None]:
    """Have a guard beside what is done in this context."""
    company = Company(opened, command, say)
    company.start()
    try:
        yield
    finally:
        company.leave()
