"""Doors to the outside world, one outside library each."""
