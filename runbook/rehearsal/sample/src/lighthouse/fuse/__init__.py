"""FUSE for Lighthouse."""
