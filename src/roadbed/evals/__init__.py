"""Evaluations: golden sets, graders, and whether one version is worse than another."""
