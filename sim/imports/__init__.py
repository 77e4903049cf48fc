"""Other people's files, as a stack."""
