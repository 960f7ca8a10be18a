"""The last week: what is purged, the archive it leaves behind, and the proof."""
