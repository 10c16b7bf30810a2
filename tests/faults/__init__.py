"""The fault wall: each way an upstream fails, seen by real clients."""
