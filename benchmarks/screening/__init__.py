"""What the benchmark of the screens stands on: a terminal to paint on, keys, a metrics source that hangs."""
