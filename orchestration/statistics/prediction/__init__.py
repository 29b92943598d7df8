"""What to expect if nothing changes: forecasts, how they fared, odds of reaching a target."""
