"""Places outside the database that keep a copy of each checkpoint, one to a file."""
