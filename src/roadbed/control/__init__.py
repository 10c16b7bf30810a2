"""Resources from Git: load, validate, plan, apply, snapshot; and why."""
