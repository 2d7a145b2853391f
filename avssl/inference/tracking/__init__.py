"""Masks and points that a person marked in one frame of a recording, found in all the others."""
