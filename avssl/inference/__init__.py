"""What a trained method is for: embedding, scoring and drawing anybody's recordings."""
