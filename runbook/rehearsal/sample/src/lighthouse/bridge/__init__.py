"""The Bridge: event store, mount and HTTP API."""
