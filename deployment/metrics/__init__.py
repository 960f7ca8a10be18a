"""Where measurements come from: one module a source, all behind the Source protocol."""
