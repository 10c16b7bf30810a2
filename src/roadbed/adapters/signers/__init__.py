"""Keepers of the private keys that sign tokens, one file each."""
