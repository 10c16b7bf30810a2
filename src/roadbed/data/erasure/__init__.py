"""Bytes that were erased on purpose."""
