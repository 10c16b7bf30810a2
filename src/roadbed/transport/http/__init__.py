"""HTTP/1.1 as a client: one interface, and two that keep it."""
