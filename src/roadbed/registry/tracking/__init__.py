"""What runs leave behind while they work: metric points, params, tags, artifacts."""
