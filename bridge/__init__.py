"""The reference Lighthouse Bridge: an event-sourced file system, an HTTP API and metrics."""
