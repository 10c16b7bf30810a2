"""The spine: a call, its answer, the steps it travels, and what a provider is."""
