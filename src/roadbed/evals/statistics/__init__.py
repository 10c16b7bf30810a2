"""How sure one may be: intervals, paired comparisons, power, agreement, correction.

Pure functions of plain numbers. numpy and scipy, of the extra `evals`, are imported
where they are used. What is random is seeded, so the same numbers have one result.
"""
