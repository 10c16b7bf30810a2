"""Rollouts: from what two versions did, decide how much traffic the newer one gets."""
