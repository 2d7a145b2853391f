"""Hidden parts of pictures and clips told from the visible ones: their pixels, or their features."""
