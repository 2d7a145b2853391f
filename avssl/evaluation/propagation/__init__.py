"""Masks and points of first frames, propagated by what an encoder's maps find alike: scores, floors and pictures."""
