"""Access explained, tested and decided again: on the policies as they are served."""
