"""Resource limits: who starves or is OOM-killed."""
