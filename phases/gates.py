"""The thresholds that the weeks share: what rolls back at once, and what must hold before a stage is left."""

from __future__ import annotations

from dataclasses import replace

from checks.gate import Against, Threshold
from deployment.metrics.source import Metric

# A trigger looks at a short window: it is there to be fast. A gate looks at the soak: it is there to be sure.
TRIGGER_WINDOW = 60.0
GATE_WINDOW = 24 * 3600.0

ERROR_RATIO = Threshold("error-ratio", Metric.ERROR_RATIO, 0.01, GATE_WINDOW, 300, unit="%")
SLOW_SHARE = Threshold("p99-1s", Metric.SLOW_SHARE, 0.01, GATE_WINDOW, 300, unit="%")
P95 = Threshold("p95", Metric.P95, 0.005, GATE_WINDOW, 300, unit="s")
# 3,000 comparisons without a divergence are what it takes to claim 0.1% at 95% (the rule of three)
DIVERGENCE = Threshold("divergence", Metric.DIVERGENCE_RATIO, 0.001, GATE_WINDOW, 3000, unit="%")
COMPARISONS_FLOW = Threshold("comparisons-flow", Metric.DIVERGENCE_RATIO, 0.01, GATE_WINDOW, 300, unit="%")
UPTIME = Threshold("uptime", Metric.UPTIME, 0.999, GATE_WINDOW, 5, at_least=True, unit="%")
# one missed heartbeat is no proof: only three in a row make it 0
RESPONSIVE = Threshold("heartbeat", Metric.RESPONSIVE, 1.0, TRIGGER_WINDOW, 3, at_least=True)
# an operation that never returns is in no count of operations; 3 s is longer than any that will
HUNG = Threshold("hung-operation", Metric.OLDEST, 3.0, TRIGGER_WINDOW, 1, unit="s")

# the canary against the stable side over the same window: where it has no more of the traffic, load is no excuse
CANARY_P95 = Threshold("canary-p95", Metric.P95, 1.25, GATE_WINDOW, 50, unit="×", against=Against.STABLE)
CANARY_ERRORS = Threshold(
    "canary-errors", Metric.ERROR_RATIO, 0.005, GATE_WINDOW, 300, unit="%", against=Against.STABLE
)
# the success criteria in production: once it serves everybody, against what fusepy took for everybody in week 1
MEMORY = Threshold("memory", Metric.MEMORY, 1.10, GATE_WINDOW, 1, unit="×", against=Against.BASELINE)
CPU = Threshold("cpu", Metric.CPU_PER_OPERATION, 1.05, GATE_WINDOW, 1000, unit="×", against=Against.BASELINE)

TRAFFIC_GATES = (ERROR_RATIO, SLOW_SHARE, P95, UPTIME)
CANARY_GATES = (CANARY_P95, CANARY_ERRORS)
BASELINE_GATES = (MEMORY, CPU)

# fewer comparisons convict than clear: three that differ among 30 are no chance, none among 30 is no proof
SHADOW_TRIGGERS = (replace(DIVERGENCE, window=TRIGGER_WINDOW, minimum_samples=30), RESPONSIVE)
TRAFFIC_TRIGGERS = (
    replace(ERROR_RATIO, window=TRIGGER_WINDOW, minimum_samples=100),
    replace(SLOW_SHARE, window=TRIGGER_WINDOW, minimum_samples=100),
    HUNG,
    RESPONSIVE,
)
