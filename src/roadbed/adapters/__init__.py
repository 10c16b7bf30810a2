"""All that talks to the outside, one file per engine."""
