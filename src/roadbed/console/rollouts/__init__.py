"""The pages of rollouts: where each is, what was shown, and what people may do."""
