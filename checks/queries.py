"""Do the project's own alert rules and dashboards ask for a quantile in a form that gives one?"""

from __future__ import annotations

import re
from pathlib import Path

from checks import mistakes
from checks.check import Check, Context, Finding
from checks.edits import Edit
from checks.mistakes import Mistake

_FILES = r"^.*\.(ya?ml|json|rules)$"
_PLAIN = r"histogram_quantile\(\s*([\d.]+)\s*,\s*([a-zA-Z_:][\w:]*?)(?:_bucket)?(\{[^}]*\})?\s*\)"
_GROUPED = r"histogram_quantile\(\s*([\d.]+)\s*,\s*sum(?:\s+by\s*\((?![^)]*\ble\b)([^)]*)\))?\s*\((?=\s*rate\()"


def _with_le(match: re.Match[str]) -> str:
    labels = ", ".join(part for part in ((match[2] or "").strip(), "le") if part)
    return f"histogram_quantile({match[1]}, sum by ({labels}) ("


MISTAKES = (
    Mistake(
        _FILES,
        _PLAIN,
        "returns nothing: a quantile is of the rate of the buckets",
        "histogram_quantile(0.95, sum by (backend, le) (rate(…_bucket[5m])))",
        correction=r"histogram_quantile(\1, sum by (backend, le) (rate(\2_bucket\3[5m])))",
    ),
    Mistake(
        _FILES,
        _GROUPED,
        "returns nothing: without `le` there are no buckets left",
        "sum by (…, le)",
        correction=_with_le,
    ),
)


def queries(context: Context) -> Finding | None:
    """Read the expressions in the project's rules and dashboards."""
    why = "A panel without data looks like a service without errors."
    return mistakes.judge(context, "project.queries", MISTAKES, why, "correct them; `kit write` gives rules that work")


def repairs(project: Path) -> tuple[Edit, ...]:
    """Return what would correct them."""
    return mistakes.repairs(project, MISTAKES)


CHECKS = (
    Check(
        "project.queries",
        "Do the project's expressions return data?",
        "project",
        queries,
        fine="no known mistake in the expressions",
        repairs=repairs,
    ),
)
