"""Ways to the web, one file each."""
