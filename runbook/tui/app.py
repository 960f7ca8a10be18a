"""The app: it carries out every key. What it stands on is in `core.py`, what moves the deployment in `movements.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from textual.app import SystemCommand
from textual.screen import Screen

from runbook.tui import keys
from runbook.tui.movements import Movements


class MigrateApp(Movements):
    """The runbook on a terminal."""

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Put every key into the command palette."""
        for key in keys.of(getattr(screen, "room", ""), self.registry):
            yield SystemCommand(f"{key.action.replace('_', ' ')} ({key.shown})", key.help, self._command(key.action))

    def _command(self, action: str) -> Callable[[], None]:
        def run() -> None:
            self.call_later(self.run_action, action)

        return run

    # the keys that open rooms

    def action_keys(self) -> None:
        from runbook.tui.help import HelpRoom

        came_from = getattr(self.screen, "room", "")
        self.enter(HelpRoom).told_first(came_from)

    def action_plan(self) -> None:
        from runbook.tui.plan import PlanRoom

        self.enter(PlanRoom)

    def action_history(self) -> None:
        from runbook.tui.history import HistoryRoom

        self.enter(HistoryRoom)

    def action_metrics(self) -> None:
        from runbook.tui.metrics import MetricsRoom

        self.enter(MetricsRoom)

    def action_shadow(self) -> None:
        from runbook.tui.shadow import ShadowRoom

        self.enter(ShadowRoom)

    def action_explain(self) -> None:
        from runbook.tui.explain import ExplainRoom

        self.enter(ExplainRoom)

    def action_measure(self) -> None:
        self.watcher.look_now(measure=True)
        self._hand_down("again")

    # the keys of home

    def action_earlier_week(self) -> None:
        self.home_room.read(-1)

    def action_later_week(self) -> None:
        self.home_room.read(1)

    def action_this_week(self) -> None:
        self.home_room.show_week(None)

    def action_show_week(self, week: int) -> None:
        self.home_room.show_week(week)

    def action_scroll_down(self) -> None:
        self.home_room.turn(1)

    def action_scroll_up(self) -> None:
        self.home_room.turn(-1)

    # the keys of one room each are carried out by that room

    def action_run(self) -> None:
        if not self.refuses("a repair"):
            self._hand_down("run")

    def action_copy(self) -> None:
        self._hand_down("copy")

    def action_filter(self) -> None:
        self._hand_down("filter")

    def action_everything(self) -> None:
        self._hand_down("everything")

    def action_freeze(self) -> None:
        self._hand_down("freeze")

    def action_range(self) -> None:
        self._hand_down("range")

    def action_operation(self) -> None:
        self._hand_down("operation")

    def action_earlier_metric(self) -> None:
        self._hand_down("step", -1)

    def action_later_metric(self) -> None:
        self._hand_down("step", 1)

    def action_chart(self, row: int) -> None:
        self._hand_down("chart", row)

    def _hand_down(self, name: str, *values: int) -> None:
        do = getattr(self.screen, f"do_{name}", None)
        if do is not None:
            do(*values)
