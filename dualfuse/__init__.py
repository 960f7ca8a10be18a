"""One path-based file system, unchanged, on fusepy or pyfuse3."""
