"""Engines for the sealed call log, one file each."""
