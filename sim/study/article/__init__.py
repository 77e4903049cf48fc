"""The article: its claims and its closing table, measured."""
