"""Docker Compose files: a tolerant reader, and an honest one."""
