"""Runs and logged models as tracking clients know them, beside the records."""
