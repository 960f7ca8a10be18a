"""A dashboard as Grafana reads it."""

from __future__ import annotations

from typing import Any

from runbook.monitoring.panels import Dashboard, Panel

SOURCE = {"type": "prometheus", "uid": "lighthouse-prometheus"}  # as the provisioned data source is called
WIDTH, HEIGHT, PER_ROW = 12, 8, 2
SCHEMA = 39  # Grafana 10 and 11


def model(dashboard: Dashboard) -> dict[str, Any]:
    """Return Grafana's JSON model of a dashboard."""
    return {
        "uid": f"lighthouse-{dashboard.name}",
        "title": dashboard.title,
        "tags": ["lighthouse", "migration"],
        "schemaVersion": SCHEMA,
        "editable": False,
        "graphTooltip": 1,  # one moment in all panels
        "refresh": "5s",
        "time": {"from": "now-30m", "to": "now"},
        "timezone": "browser",
        "panels": [_panel(panel, number) for number, panel in enumerate(dashboard.panels)],
    }


def _panel(panel: Panel, number: int) -> dict[str, Any]:
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.about,
        "datasource": SOURCE,
        "gridPos": {"x": number % PER_ROW * WIDTH, "y": number // PER_ROW * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": _field(panel), "overrides": []},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "targets": [
            {"refId": chr(ord("A") + n), "datasource": SOURCE, "expr": query.expr, "legendFormat": query.legend}
            for n, query in enumerate(panel.queries)
        ],
    }


def _field(panel: Panel) -> dict[str, Any]:
    field: dict[str, Any] = {"unit": panel.unit, "color": {"mode": "palette-classic"}, "custom": {"lineWidth": 1}}
    if panel.limit is None:
        return field
    below, above = ("red", "green") if panel.at_least else ("green", "red")
    field["thresholds"] = {
        "mode": "absolute",
        "steps": [{"color": below, "value": None}, {"color": above, "value": panel.limit}],
    }
    field["custom"]["thresholdsStyle"] = {"mode": "line"}
    return field
