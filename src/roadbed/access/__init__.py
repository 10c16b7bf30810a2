"""Who may do what, and why: credentials, roles, policies, decisions."""
