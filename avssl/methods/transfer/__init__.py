"""What one network learned is given to another: by its own labels, or by its clusters."""
