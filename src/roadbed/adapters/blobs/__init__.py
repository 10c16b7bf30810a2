"""Stores of immutable bytes, one file per engine."""
