"""Views of one item are told from those of others."""
