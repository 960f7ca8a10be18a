"""The final report: the whole migration, told from the journal alone."""
