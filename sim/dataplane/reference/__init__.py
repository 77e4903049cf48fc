"""The reference engine: SimPy, one process a request. It defines what the model means.

Reading order: timing (what an instant is), stations (CPU), clients (who asks), containers (who
answers), postgres (connections), jobs (the queue), plane (the verbs).
"""
