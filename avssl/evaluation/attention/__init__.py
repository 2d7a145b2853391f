"""Where an encoder looks: maps of attention over pictures."""
