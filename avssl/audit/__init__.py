"""What blind rows score: whether pairs of picture and sound can be told without what belongs together."""
