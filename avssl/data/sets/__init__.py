"""Official data sets as they lie on disk: one reader a set, each gives the rows of a manifest and the problems."""
