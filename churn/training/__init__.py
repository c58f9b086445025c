"""From labelled rows to a model bundle that holds all that a score needs. Pure functions."""
