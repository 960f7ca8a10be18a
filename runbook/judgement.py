"""Judgement: asks the checks and weighs the measurements of one stage, and writes down what they said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from checks.gate import Against, Status, Threshold, Verdict, judge
from deployment.metrics.series import Point, Slices, series
from deployment.metrics.source import Measurement, Metric, Source
from deployment.model import Side
from phases.phase import Stage
from runbook import conviction
from runbook.clock import Clock
from runbook.settings import Settings
from runbook.state import State
from runbook.verdicts import remember

if TYPE_CHECKING:
    from checks.check import Context
    from checks.runner import Result

#: The evidence of week 1 that thresholds against the baseline are held to.
BASELINE = "metrics.baseline"
#: A window shorter than this says nothing, seconds.
SHORTEST_WINDOW = 5.0


class Judgement:
    """Asks and weighs for one deployment."""

    #: Told of every result as it comes in, in the caller's thread; a screen sets it.
    on_result: Callable[[Result], None] | None = None

    def __init__(
        self,
        settings: Settings,
        source: Callable[[], Source],
        context: Callable[[State], Context],
        clock: Clock,
        write: Callable[..., object],
        say: Callable[[str], None],
    ) -> None:
        self._settings, self._source, self._context = settings, source, context
        self._clock, self._write, self._say = clock, write, say
        self._compared: dict[str, tuple[float, Verdict]] = {}  # by threshold: when, and what was said

    def check(self, ids: Sequence[str], state: State) -> list[Result]:
        """Ask these checks and journal what they found; an overridden one is asked all the same."""
        from checks.runner import run  # every check comes with it, and `status` asks none

        results = run(ids, self._context(state), self._tell)
        for result in results:
            self._write("checked", **summary(result))
        return results

    def refusals(self, ids: Sequence[str], state: State) -> list[Result]:
        """Return the results that forbid to go on: failed or unknown, and not overridden."""
        return [r for r in self.check(ids, state) if forbids(r) and r.check.id not in state.overrides]

    def gates(self, stage: Stage, state: State) -> list[Verdict]:
        """Weigh the stage's gates over the time since it was entered, and keep the verdicts for whoever only looks."""
        verdicts = [self._judge(self._fit(t, self._settings.gate_window, state), state) for t in stage.gates]
        remember(self._settings.place.state, verdicts, self._clock.now())
        return verdicts

    def triggers(self, stage: Stage, state: State, side: Side = Side.CANARY) -> list[Verdict]:
        """Weigh the stage's triggers over short windows; once the source does not answer, it is asked no more."""
        age = self._clock.now() - state.since
        verdicts: list[Verdict] = []
        silent: Measurement | None = None
        for trigger in dict.fromkeys(stage.triggers):
            threshold = self._fewer(trigger)

            def measure(window: float, metric: Metric = trigger.metric) -> Measurement:
                nonlocal silent
                if silent is not None:
                    return replace(silent, metric=metric, window=window)
                found = self._source().measure(metric, side, window)
                silent = found if found.failed else None
                return found

            def moments(window: float, metric: Metric = trigger.metric) -> Sequence[Point]:
                return series(self._source().slices(side, window, conviction.MOMENT), metric)

            @cache  # the same minutes stand beside every window
            def stable(window: float, metric: Metric = trigger.metric) -> Measurement:
                return self._source().measure(metric, Side.STABLE, window)

            spans = conviction.windows(trigger.metric, min(trigger.window, self._settings.trigger_window), age)
            verdicts.append(conviction.weigh(threshold, spans, measure, moments, stable))
        return verdicts

    def poll(self) -> None:
        """Let the source take a sample."""
        self._source().poll()

    def measure(self, metric: Metric, side: Side, window: float) -> Measurement:
        """Return one measurement, for whoever only looks; nothing is weighed and nothing is kept."""
        return self._source().measure(metric, side, window)

    def slices(self, side: Side, window: float, step: float) -> Slices:
        """Return a side's recent past, for whoever only looks."""
        return self._source().slices(side, window, step)

    def _judge(self, threshold: Threshold, state: State) -> Verdict:
        if threshold.against is Against.STABLE:
            return self._against_stable(threshold)
        recorded = state.evidence.get(BASELINE, {}).get(threshold.metric)
        return judge(threshold, self._source().measure(threshold.metric, Side.CANARY, threshold.window), recorded)

    def _against_stable(self, threshold: Threshold) -> Verdict:
        """Compare both sides; within one slice of time nothing new can be learnt, and long windows cost something."""
        from checks import canary_judge

        now, step = self._clock.now(), canary_judge.step_of(threshold.window)
        kept = self._compared.get(threshold.id)
        if kept is not None and 0 <= now - kept[0] < step and kept[1].window <= threshold.window:
            return kept[1]
        stable, canary = (self.slices(side, threshold.window, step) for side in Side)
        verdict = canary_judge.judge(threshold, stable, canary)
        if verdict.status is not Status.ERROR:
            self._compared[threshold.id] = (now, verdict)
        return verdict

    def _fit(self, threshold: Threshold, most: float, state: State) -> Threshold:
        """Cut the window to what the settings allow and to the time in this stage: older data speak of another one."""
        window = max(SHORTEST_WINDOW, min(threshold.window, most, self._clock.now() - state.since))
        limit = self._settings.limits.get(threshold.id, threshold.limit)
        return replace(self._fewer(threshold), window=window, limit=limit)

    def _fewer(self, threshold: Threshold) -> Threshold:
        if threshold.metric is not Metric.DIVERGENCE_RATIO:
            return threshold
        return replace(threshold, minimum_samples=min(threshold.minimum_samples, self._settings.comparisons))

    def _tell(self, result: Result) -> None:
        if self.on_result is not None:
            self.on_result(result)
        if result.finding is None:
            self._say(f"  [ok]   {result.check.id:<22} {result.check.fine}   {result.seconds:.1f} s")
            return
        word = {"fail": "FAIL", "warn": "warn", "unknown": "?"}[result.finding.severity]
        self._say(f"  [{word}] {result.check.id:<22} {result.finding.seen}")


def forbids(result: Result) -> bool:
    """Tell whether a result forbids to go on; a warning does not, unknown does."""
    return result.finding is not None and result.finding.severity != "warn"


def remedy_of(result: Result) -> str:
    """Return how a finding is repaired: its words and its commands; empty where there is nothing to repair."""
    if result.finding is None:
        return ""
    commands = "; ".join(f"`{command}`" for command in result.finding.commands)
    return ": ".join(part for part in (result.finding.remedy, commands) if part)


def summary(result: Result) -> dict[str, Any]:
    """Return a result as JSON."""
    found = result.finding
    if found is None:
        return {"id": result.check.id, "outcome": "ok", "seen": result.check.fine, "seconds": round(result.seconds, 3)}
    return {
        "id": result.check.id,
        "outcome": str(found.severity),
        "seen": found.seen,
        "why": found.why,
        "remedy": found.remedy,
        "commands": list(found.commands),
        "seconds": round(result.seconds, 3),
    }


def breached(verdicts: Sequence[Verdict]) -> Verdict | None:
    """Return the first failed verdict."""
    return next((v for v in verdicts if v.status is Status.FAIL), None)


def passing(verdicts: Sequence[Verdict], state: State) -> bool:
    """Tell whether every gate passes or is overridden."""
    return all(v.status is Status.PASS or v.id in state.overrides for v in verdicts)
