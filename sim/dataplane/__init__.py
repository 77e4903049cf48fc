"""The data plane: every request, job, connection and slice of CPU. One interface, two engines."""
