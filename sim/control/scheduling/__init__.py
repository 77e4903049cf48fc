"""Scheduling: which server runs what, and what happens when one dies."""
