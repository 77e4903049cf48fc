"""Data only: what a scenario, a stack and a constant are. Imports nothing of ours."""
