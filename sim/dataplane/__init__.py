"""The data plane: every request, job, connection and slice of CPU. One seam, two engines."""
