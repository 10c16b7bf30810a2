"""Roadbed: one governed path from data to prediction."""

__version__ = "0.1.0"
