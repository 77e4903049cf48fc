"""One run: the two planes and the loop between them."""
