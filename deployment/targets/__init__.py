"""Where a deployment runs: one module a kind of target, all behind the Target protocol."""
