"""The reference Lighthouse Bridge: an event-sourced file system, an HTTP API and metrics."""

__version__ = "0.1.0"
