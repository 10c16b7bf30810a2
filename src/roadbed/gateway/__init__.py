"""Endpoints, and the call log: spool, seal, history."""
