"""Clusters of features: made, put into files, given to other data, compared with classes."""
