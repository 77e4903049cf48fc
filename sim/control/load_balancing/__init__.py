"""Load balancing: which replica gets a request, what is retried."""
