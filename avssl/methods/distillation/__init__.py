"""Views of one item predict each other, without others to tell them from; a student learns what a teacher answers."""
