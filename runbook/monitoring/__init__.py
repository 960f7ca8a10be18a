"""What a Prometheus and a Grafana are told of the migration, generated from the weeks' own thresholds."""
