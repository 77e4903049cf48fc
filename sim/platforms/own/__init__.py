"""A user's own platform file: found, read, checked, and blamed by file and line."""
