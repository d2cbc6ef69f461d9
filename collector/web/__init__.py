"""Pages of the data side: the review page, and the photos themselves."""
