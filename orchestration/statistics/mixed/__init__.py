"""Mixed models: linear, binomial, Poisson and cumulative, with crossed and nested groups."""
