"""What Roadbed asks of the outside, as small protocols."""
