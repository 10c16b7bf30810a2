"""Who it is: accounts, keys, sessions and tokens, and what proves them."""
