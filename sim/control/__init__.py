"""The control plane: controllers, faults and the human. Thousands of events, one file a controller.

Controllers never touch an engine or each other: they read `cluster` and call its verbs.
"""
