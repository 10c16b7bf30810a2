"""What a run showed: reports, comparisons of two, verdicts, and waivers."""
