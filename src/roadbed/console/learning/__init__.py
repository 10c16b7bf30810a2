"""What is learned from calls: cases to review, and quality in production."""
