"""Labels of clusters are learned, and clusters are made of what was learned."""
