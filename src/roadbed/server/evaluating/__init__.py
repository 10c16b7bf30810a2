"""Evaluates: asks versions on the governed path, in this process, without a socket."""
