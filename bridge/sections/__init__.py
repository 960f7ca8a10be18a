"""What the mount shows at its top: one module a section, each a file system of its own below its name."""
