"""Files of others: the file's name is the name of their form."""
