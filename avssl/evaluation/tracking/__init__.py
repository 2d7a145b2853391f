"""Boxes of first frames, followed through videos."""
