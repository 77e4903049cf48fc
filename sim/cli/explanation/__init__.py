"""`sim explain`: what a word names, and the text about it."""
