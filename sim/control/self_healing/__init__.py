"""Self-healing: what happens when a container exits."""
