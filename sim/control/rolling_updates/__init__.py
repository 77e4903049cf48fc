"""Rolling updates: how version N becomes N+1."""
