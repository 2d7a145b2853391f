"""Tasks that a single picture sets by itself."""
