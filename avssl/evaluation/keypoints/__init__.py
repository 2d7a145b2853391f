"""Key points from few labels: heads, protocols, skeletons, tables."""
