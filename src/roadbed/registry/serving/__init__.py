"""What is common to models that are computed in this process."""
