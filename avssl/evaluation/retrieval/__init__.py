"""Retrieval: what an encoder takes for alike."""
