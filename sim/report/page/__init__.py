"""report.html: one offline file. `document.py` puts the sections of `sections.py` into a page."""
