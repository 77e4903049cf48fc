"""What people write, as data that remembers where it stands."""
