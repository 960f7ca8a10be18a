"""The terminal interface: one app over the engine, one module a room. Nothing here is imported by a plain command."""
