"""Recordings of traffic as people have them: logs, load tests, series of a monitoring system."""
