"""What `bench/swaps.py` needs: a line of its own, and clients."""
