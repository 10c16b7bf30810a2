"""Words everyone uses: resource, reference, digest, errors, clock, actor, look-up."""
