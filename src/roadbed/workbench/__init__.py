"""What a data scientist writes: datasets, runs and models from Python."""
