"""Features of whole data sets in one pass: extraction, cache, files, weights, runs; exact search among them."""
