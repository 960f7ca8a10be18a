"""Does Prometheus scrape both Bridges, and do the expressions it is asked return data?"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from checks import words
from checks.check import Check, Context, Finding, Severity
from checks.edits import files_of, text_of
from deployment.http_ask import ask

PATIENCE = 3.0  # seconds for all questions together
_BLIND = "Alerts and panels of a Bridge that is not scraped are empty, which looks like health."
_NAME = re.compile(r"\b(?:lighthouse|haproxy|process)_\w+")
_VARIABLE = re.compile(r"\$\{?(\w+)(?::\w+)?\}?")


def scraped(context: Context) -> Finding | None:
    """Ask Prometheus which targets it scrapes, and look for the Bridges that run among them."""
    found = _asked(context, {"targets": "/api/v1/targets?state=active"})
    if isinstance(found, Finding):
        return found
    health = {_address(t["scrapeUrl"]): t for t in found["targets"]["activeTargets"]}
    for side, url in context.target.metrics().items():
        target = health.get(_address(url))
        if target is None:
            remedy = "name it in prometheus.yml or in the file of targets, then reload Prometheus"
            command = f"curl -sS -X POST {_server(context)}/-/reload"
            return Finding(f"Prometheus does not scrape the {side} Bridge ({url})", _BLIND, remedy, (command,))
        if target["health"] == "down":
            seen = f"Prometheus cannot scrape the {side} Bridge: {target['lastError']}"
            return Finding(seen, _BLIND, "see that its metrics port answers", (f"curl -sS {url}",))
    return None


def expressions(context: Context) -> Finding | None:
    """Ask for every metric that a loaded rule names, and for every panel of the project's dashboards."""
    found = _asked(context, {"rules": "/api/v1/rules"})
    if isinstance(found, Finding):
        return found
    rules = [rule for group in found["rules"]["groups"] for rule in group["rules"]]
    broken = [f"rule {rule['name']}: {rule['lastError']}" for rule in rules if rule.get("health") == "err"]
    names = {name for rule in rules for name in _NAME.findall(rule["query"])}
    asked = {f"metric {name}": f'count({{__name__="{name}"}})' for name in sorted(names)}
    asked |= dict(_panels(context.project))
    answers = _asked(context, {what: f"/api/v1/query?query={quote(query)}" for what, query in asked.items()})
    if isinstance(answers, Finding):
        return answers
    empty = [what for what in asked if not answers[what].get("result")]
    if not broken and not empty:
        return None
    seen = "; ".join([*broken[:3], *([f"no data: {words.listed(empty, 4)}"] if empty else [])])
    why = "An alert that asks for what is not there never fires."
    return Finding(seen, why, "let clients work, or correct what asks", severity=Severity.WARN)


def _panels(project: Path | None) -> Iterator[tuple[str, str]]:
    """Yield the expressions of the project's dashboards, their variables filled in."""
    for file in files_of(project) if project is not None and project.is_dir() else ():
        if file.suffix == ".json" and '"expr"' in (text := text_of(file)):
            for number, expression in enumerate(_expressions(json.loads(text)), 1):
                filled = _VARIABLE.sub(lambda m: "1m" if m[1].endswith("interval") else ".*", expression)
                yield f"{file.name} #{number}", filled


def _expressions(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(value.get("expr"), str):
            yield value["expr"]
        for inner in value.values():
            yield from _expressions(inner)
    elif isinstance(value, Iterable) and not isinstance(value, str):
        for inner in value:
            yield from _expressions(inner)


def _asked(context: Context, paths: Mapping[str, str]) -> dict[str, Any] | Finding:
    """Return the data of each answer, or what is wrong with the server."""
    server = _server(context)
    answers = ask({name: f"{server}{path}" for name, path in paths.items()}, PATIENCE)
    data = {}
    for name, answer in answers.items():
        if answer.error and context.source.name != "prometheus":
            seen = "no Prometheus runs with this deployment: the tool scrapes the Bridges itself"
            return Finding(seen, "Alerts and dashboards were not asked.", severity=Severity.WARN)
        if answer.error:
            return Finding(
                f"Prometheus at {server} does not answer: {answer.error}", _BLIND, "start it, or read its log"
            )
        said = json.loads(answer.body)
        data[name] = said.get("data", {}) if said.get("status") == "success" else {}
    return data


def _server(context: Context) -> str:
    return f"http://127.0.0.1:{context.place.prometheus_port}"


def _address(url: str) -> tuple[str, int | None]:
    parts = urlsplit(url)
    return ("127.0.0.1" if parts.hostname == "localhost" else str(parts.hostname), parts.port)


CHECKS = (
    Check(
        "metrics.scraped",
        "Does Prometheus scrape both Bridges?",
        "metrics",
        scraped,
        fine="Prometheus scrapes the Bridges",
    ),
    Check(
        "metrics.expressions",
        "Do the rules' and dashboards' expressions return data?",
        "metrics",
        expressions,
        15.0,
        fine="every expression returns data",
    ),
)
