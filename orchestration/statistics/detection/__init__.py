"""Detection: figures that look steered, and KPIs that say the same thing twice."""
