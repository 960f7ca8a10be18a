"""What the Bridges' comparators have found, asked of each Bridge over HTTP."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from deployment.errors import UnreachableError
from deployment.http_ask import ask
from deployment.model import Observation, Side

PATIENCE = 5.0  # seconds: a thousand divergences with both answers are a megabyte or two


class Found(NamedTuple):
    """One Bridge's comparator, as the Bridge tells."""

    instance: str
    side: Side
    told: Mapping[str, Any]  # see `Mirror.export` of the Bridge


def found(observation: Observation) -> tuple[Found, ...]:
    """Ask every Bridge that serves what it has compared, the stable side first.

    Raises:
        UnreachableError: One of them does not answer, or not as a Bridge does: nothing can be said of the shadow.
    """
    instances = [i for side in Side if (i := observation.serving(side)) is not None]
    urls = {i.name: f"{i.metrics.removesuffix('/metrics')}/divergences" for i in instances if i.metrics}
    silent = [i.name for i in instances if i.name not in urls]
    answers = ask(urls, PATIENCE)
    results = []
    for instance in instances:
        answer = answers.get(instance.name)
        told = _parsed(answer.body) if answer is not None and answer.status == 200 else None
        if told is None:
            silent.append(instance.name)
        else:
            results.append(Found(instance.name, instance.side, told))
    if silent or not instances:
        who = f"{silent[0]} does not tell what it compared" if silent else "no Bridge is running"
        raise UnreachableError(who, "`lighthouse-migrate status` says what runs; then again")
    return tuple(results)


def _parsed(body: bytes) -> Mapping[str, Any] | None:
    try:
        told = json.loads(body)
    except ValueError:
        return None
    wanted = {"comparing", "counts", "divergences", "ignored", "raced", "trouble"}
    return told if isinstance(told, dict) and wanted <= told.keys() else None
