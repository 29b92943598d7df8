"""Did a change work: difference in differences, interrupted series, breaks."""
