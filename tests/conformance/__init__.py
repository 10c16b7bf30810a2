"""Examiners from outside: official clients, and their own tests, against a server."""
