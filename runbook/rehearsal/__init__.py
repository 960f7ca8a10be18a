"""The rehearsal: a sandbox, a sample project, a load, and the same engine that walks the real weeks."""
