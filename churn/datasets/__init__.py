"""Declarations, no logic: one module a prediction problem, found by its name."""
