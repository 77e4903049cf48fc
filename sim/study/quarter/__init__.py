"""A simulated quarter of incidents and planned work: minutes of people."""
