"""The parts of `./dev bench comparator`."""
