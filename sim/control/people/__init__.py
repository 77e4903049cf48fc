"""People: who is paged, what they type, and how long it takes them."""
