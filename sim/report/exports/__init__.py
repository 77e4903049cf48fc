"""A result in other programs' formats: one module a format, chosen by `run --export`."""
