"""Rounds of self-training: a teacher labels, a student learns of it, and becomes the teacher."""
