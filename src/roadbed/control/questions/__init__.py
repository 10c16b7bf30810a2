"""What people ask of the chain of custody: each answer is a dataclass of plain values.

Nothing here prints or draws; the command line, the API and the console do.
"""
