"""Secrets: how a rotated password reaches the containers."""
