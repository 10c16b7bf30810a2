"""The formats that an artifact may have: one file each, told by content alone.

Each module has `matches(head)`, which says whether a file that begins with *head*
claims to be of the format, `check(file)`, which raises Invalid unless all of it is,
and `RUNS_CODE`: whether loading it may run code that the file names.
"""
