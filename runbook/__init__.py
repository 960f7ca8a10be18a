"""The walk: the engine, its journal, and the front ends over them."""
