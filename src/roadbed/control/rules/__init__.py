"""What a stack must be before it may be applied, a file for each concern."""
