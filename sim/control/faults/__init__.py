"""What goes wrong, and planned work: the events of a scenario."""
