"""The project as a file system."""
