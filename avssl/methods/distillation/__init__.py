"""A student learns what a teacher answers."""
