"""What the app does with the engine: advance, rollback, checks, and leaving while one of them runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from runbook.state import Status
from runbook.tui import paint_weeks
from runbook.tui.core import Core
from runbook.tui.paint_next import Here
from runbook.tui.workers import MOVES, Asked, Failed, Found, Said, Work

if TYPE_CHECKING:
    from checks.runner import Result
    from runbook.engine import Engine


class Movements(Core):
    """The actions that start engine work, and the answers it waits for."""

    def start(self, kind: str, do: Callable[[Engine, Work], str], failed: Failed | None = None) -> Work:
        """Start engine work in a thread of its own."""
        work = Work(kind, do, self.opened, self.deliver, failed)
        if kind in MOVES:
            self.stopped = Here()
            self.on_said(Said(f"-- {kind}, {time.strftime('%H:%M:%S', time.localtime(self.now()))} --"))
        self.works.append(work)
        work.start()
        self._paint()
        return work

    def refuses(self, what: str) -> bool:
        """Tell whether this terminal may only look, and say so."""
        if self.read_only:
            self.notify(f"read-only: {what} is for the operator's own terminal", severity="warning", markup=False)
        return self.read_only

    def busy(self) -> Work | None:
        """Return the movement that runs, or None."""
        return next((w for w in self.works if w.is_alive() and w.kind in MOVES), None)

    # advance

    def action_advance(self) -> None:
        self._advance(wait=False)

    def action_wait(self) -> None:
        self._advance(wait=True)

    def _advance(self, *, wait: bool) -> None:
        if self.refuses("advance"):
            return
        if self.busy() is not None:
            if self.asks is not None:
                self._show(self.asks)
            else:
                self.action_log()
            return
        state = None if self.seen is None else self.seen.snapshot.state
        if state is None or not (state.status is Status.ROLLED_BACK and state.automatic):
            self._move(wait, "")
            return
        from runbook.tui.dialogs import ReasonDialog

        def with_reason(reason: str | None) -> None:
            if reason:
                self._move(wait, reason)

        self.push_screen(ReasonDialog(state.reason), with_reason)

    def _move(self, wait: bool, reason: str) -> None:
        def do(engine: Engine, work: Work) -> str:
            from runbook.cli.advance import report

            moved = engine.advance(work.consent, wait=wait, reason=reason)
            return report(engine, moved)[0]

        self.action_log()
        self.start("advance", do)

    def on_asked(self, message: Asked) -> None:
        self.asks = message
        self._show(message)

    def _show(self, asked: Asked) -> None:
        from runbook.tui.dialogs import ConsentDialog

        def answered(agreed: bool | None) -> None:
            if self.asks is asked:
                self.asks = None
                asked.work.answer(bool(agreed))

        self.push_screen(ConsentDialog(asked.proposal), answered)

    # rollback

    def action_rollback(self) -> None:
        if self.refuses("rollback"):
            return
        running = self.busy()
        if running is not None and running.kind == "rollback":
            self.action_log()
            return
        if self.asks is not None:  # an advance that waits for an answer would hold the lock
            asked, self.asks = self.asks, None
            asked.work.answer(False)

        def do(engine: Engine, _work: Work) -> str:
            moved = engine.rollback()
            done = f"rolled back to fusepy in {moved.seconds:.2f} s, {len(moved.changes)} changes"
            return f"{done}; journal #{moved.journal}"

        self.start("rollback", do)
        self.action_home()
        self.action_log()

    # checks

    def action_checks(self) -> None:
        from runbook.tui.checks import ChecksRoom

        if self.refuses("check"):
            return
        self.enter(ChecksRoom)
        self.action_ask_again()

    def action_ask_again(self) -> None:
        if self.refuses("check") or self.seen is None or any(w.kind == "checks" for w in self.works):
            return
        self.stopped = Here()  # what they say now counts
        ids = self.asked_ids()
        self.results.clear()

        def do(engine: Engine, work: Work) -> str:
            def found(result: Result) -> None:
                work.post(Found(result))

            engine.judgement.on_result = found
            for result in engine.judgement.check(ids, engine.state()):
                work.post(Found(result))
            return f"{len(ids)} checks asked"

        self.start("checks", do)

    def asked_ids(self) -> tuple[str, ...]:
        """Return the checks of where the walk is."""
        return () if self.seen is None else paint_weeks.asked_by(self.seen.snapshot)

    # leaving

    async def action_quit(self) -> None:
        if self.busy() is None:
            self.exit()
            return
        from runbook.tui.dialogs import LeaveDialog

        if isinstance(self.screen, LeaveDialog):
            return

        def answered(choice: str | None) -> None:
            running = self.busy()
            if choice is None:
                return
            if choice == "stop" and running is not None:
                running.let_go()
            self.leaves = True
            if running is None:
                self.exit()

        running = self.busy()
        assert running is not None
        self.push_screen(LeaveDialog(running.kind), answered)
