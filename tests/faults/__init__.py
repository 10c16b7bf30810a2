"""The fault wall: each way an upstream fails, through a real server, to real clients."""
