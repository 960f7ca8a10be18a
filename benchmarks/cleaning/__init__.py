"""The parts of the cleanup's benchmark."""
