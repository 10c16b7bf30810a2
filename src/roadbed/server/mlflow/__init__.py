"""MLflow's protocol, spoken so that the unmodified client works (decision 022)."""
