"""Runs, models and their versions: the chain of custody."""
