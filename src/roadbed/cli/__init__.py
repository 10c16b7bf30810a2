"""Each command is a file: it parses words, calls one function, prints the result."""
