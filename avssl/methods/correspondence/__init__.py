"""What is the same thing in two frames is found, and found again."""
