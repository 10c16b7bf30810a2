"""Money: what a call costs, what may be spent, and how often one may ask."""
