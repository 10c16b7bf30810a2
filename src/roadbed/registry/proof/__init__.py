"""Signed statements of what each model version was made of."""
