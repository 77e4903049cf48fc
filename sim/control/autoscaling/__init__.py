"""Autoscaling: replicas and servers from load."""
