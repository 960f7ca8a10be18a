"""The parts of `./dev bench bridge`, a module each."""
