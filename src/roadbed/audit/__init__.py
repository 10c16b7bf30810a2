"""The audit log: who changed or was denied what, in a Merkle log that can prove it."""
