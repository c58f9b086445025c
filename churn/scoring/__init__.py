"""From a chunk of features and a bundle to a chunk of predictions. Pure functions."""
