"""Pages of the nights: the list of runs, and one run with its progress."""
