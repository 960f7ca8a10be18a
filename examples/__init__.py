"""Small file systems that show how dualfuse is used."""
