"""Who may do what, and why: actions, roles, policies, and decisions by Cedar."""
