"""Places where secrets are kept, one file per scheme."""
