"""Health checks: who gets no traffic, who gets killed."""
