"""Results as pictures for slides."""
