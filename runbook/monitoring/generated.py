"""The generated files of the kit, by their path in it."""

from __future__ import annotations

import io
import json

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString

from runbook.monitoring.grafana import model
from runbook.monitoring.panels import DASHBOARDS
from runbook.monitoring.rules import groups

HEAD = """\
# Generated from the weeks' thresholds (phases/gates.py) by `python -m runbook.monitoring`: change them there.
# severity: rollback - the guard is rolling back; hold - the walk waits; page - somebody must look now.
"""


def generated() -> dict[str, str]:
    """Return the text of every generated file."""
    dashboards = {f"grafana/dashboards/{d.name}.json": json.dumps(model(d), indent=1) + "\n" for d in DASHBOARDS}
    return {"prometheus/rules.yml": rules(), **dashboards}


def rules() -> str:
    """Return the rules file."""
    yaml = YAML()
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    all_groups = groups()
    for group in all_groups:
        for rule in group["rules"]:
            rule["expr"] = LiteralScalarString(rule["expr"] + "\n")
    text = io.StringIO()
    yaml.dump({"groups": all_groups}, text)
    return HEAD + text.getvalue()
