"""Views of one item predict each other, without others to tell them from."""
