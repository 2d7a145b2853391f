"""A map of embeddings in the browser: what a point is can be seen, heard and played."""
