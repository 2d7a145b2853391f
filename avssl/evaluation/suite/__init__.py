"""One table of many runs and many evaluations: what is each of them good for?"""
