"""Methods that learn from what is seen and heard together."""
