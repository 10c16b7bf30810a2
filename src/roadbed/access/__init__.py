"""Who may do what, and why: accounts, keys, sessions, and decisions by Cedar."""
