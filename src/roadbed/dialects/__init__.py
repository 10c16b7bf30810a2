"""The languages that models are spoken to in, a package for each."""
