"""Runs an evaluation: asks, grades, keeps what came, and goes on where it was."""
