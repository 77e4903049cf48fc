"""Scenarios and stacks by name or path: found, read, and checked against what there is."""
