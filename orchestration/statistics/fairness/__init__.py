"""Fairness: rates between groups, strata, many tests at once."""
