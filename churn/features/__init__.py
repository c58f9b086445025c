"""What a feature is, what its values may be, and how a table of them is built. Pure functions."""
