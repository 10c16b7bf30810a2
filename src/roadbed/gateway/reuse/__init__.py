"""What was answered before, what is answered in need, and who has to wait."""
