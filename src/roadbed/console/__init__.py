"""Server-rendered pages for people: what runs, what was called, and why."""
