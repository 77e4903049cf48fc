"""Rollback: how N+1 becomes N again."""
