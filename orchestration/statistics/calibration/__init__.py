"""Fair comparison: agreement of raters, shrinkage, funnels."""
