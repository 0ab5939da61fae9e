"""Which parts fit together, and the network that they make."""
