"""Lighthouse: agents share a project through one bridge."""
