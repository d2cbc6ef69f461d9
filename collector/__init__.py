"""Volunteers, challenges, photos, review: the data side."""
