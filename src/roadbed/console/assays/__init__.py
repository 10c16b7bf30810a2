"""The pages of evaluations: what was shown, how sure that is, and on which cases."""
