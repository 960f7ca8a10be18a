"""File systems that come with dualfuse: what the probe, the bench and the examples serve."""
