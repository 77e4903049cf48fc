"""report.html: one offline file. `write.py` puts the sections of `sections.py` into a page."""
