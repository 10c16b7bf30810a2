"""Runs an evaluation: asks, grades, keeps what was answered, and goes on where it was."""
