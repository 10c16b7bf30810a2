"""How sure one may be: intervals, paired comparisons, power, agreement, correction."""
