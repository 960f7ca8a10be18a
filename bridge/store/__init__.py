"""The event store: every change to `current/` as an event, and the tree those events add up to."""
