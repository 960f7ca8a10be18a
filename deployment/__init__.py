"""The world the runbook acts on: what a deployment is, the targets it runs on, the router and the metrics."""
