"""`current/`: the service's files as they are now."""

from __future__ import annotations

from bridge.sections.tree_section import TreeSection


class Current(TreeSection):
    """The tree whose past `history/` shows and whose files `shadows/` annotates."""

    NAME = "current"
