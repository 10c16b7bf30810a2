"""Where code is read from: one file per kind of repository."""
