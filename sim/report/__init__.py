"""How results look: tables, timelines, plots, files. Everything from a Result alone."""
